import Foundation
import ServiceContract

extension Job {
    /// Reads the hash `msaas:job:{id}`.
    ///
    /// - Throws: ``RedisError/unexpectedReply(_:)`` that names the field.
    init(id: JobID, fields: [String: String]) throws(RedisError) {
        func required(_ name: String) throws(RedisError) -> String {
            guard let value = fields[name] else { throw .unexpectedReply("job \(id) without its \(name)") }
            return value
        }
        func date(_ name: String) -> Date? { fields[name].flatMap(Double.init).map { Date(milliseconds: $0) } }
        let options = try decoded(JobOptions.self, required("options"), of: id)
        self.init(
            id: id, bucket: try required("bucket"), key: try required("key"), filename: try required("filename"),
            options: options, audioSeconds: fields["audio_seconds"].flatMap(Double.init),
            createdAt: date("created_at") ?? Date(timeIntervalSince1970: 0))
        guard let state = JobState(rawValue: try required("state")) else {
            throw .unexpectedReply("job \(id) in state “\(try required("state"))”")
        }
        self.state = state
        attempts = fields["attempts"].flatMap { Int($0) } ?? 0
        progress = fields["progress"].flatMap(Double.init) ?? 0
        startedAt = date("started_at")
        finishedAt = date("finished_at")
        error = fields["error"]
        worker = fields["worker"]
        if let text = fields["manifest"], state == .done {
            let manifest = try decoded(Manifest.self, text, of: id)
            (stems, model, warnings) = (manifest.stems, manifest.model, manifest.warnings)
        }
    }

    /// Reads `{id, fields and values}`.
    init(entry: RedisValue) throws(RedisError) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string.flatMap({ JobID($0) }),
            let fields = parts[1].pairs
        else { throw .unexpectedReply("a job that cannot be read") }
        try self.init(id: id, fields: fields)
    }
}

extension SealedJob {
    /// Reads `{id, fields and values}`.
    init(entry: RedisValue) throws(RedisError) {
        let job = try Job(entry: entry)
        let fields = entry.array?.last?.pairs ?? [:]
        guard let text = fields["manifest"], let token = fields["token"].flatMap({ Int64($0) }) else {
            throw .unexpectedReply("sealed job \(job.id) without its manifest")
        }
        self.init(claim: Claim(job: job, token: token), manifest: try decoded(Manifest.self, text, of: job.id))
    }
}

/// JSON for one field; sorted, so that the same value gives the same text.
func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .millisecondsSince1970
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// Reads what ``encoded(_:)`` wrote.
func decoded<Value: Decodable>(_ type: Value.Type, _ text: String, of subject: some CustomStringConvertible)
    throws(RedisError) -> Value
{
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .millisecondsSince1970
    do { return try decoder.decode(type, from: Data(text.utf8)) } catch {
        throw .unexpectedReply("\(type) of \(subject) cannot be read")
    }
}

extension Date {
    /// A time of Redis.
    init(milliseconds: Double) { self.init(timeIntervalSince1970: milliseconds / 1000) }
}
