import Foundation
import ServiceContract

/// One song to separate, and what became of it.
public struct Job: Sendable, Equatable, Codable {
    /// The job's name.
    public var id: JobID
    /// The bucket of the input object.
    public var bucket: String
    /// The key of the input object, not escaped.
    public var key: String
    /// The song's file name, for people.
    public var filename: String
    /// How to separate.
    public var options: JobOptions
    /// Whose it is: a key's name; `nil` when it is nobody's.
    public var owner: String?
    /// What it may take of a worker, where its owner's key says so.
    public var budget = SongBudget()
    /// Which write of the object it is about, when that is known.
    public var write: ObjectWrite?
    /// The place in a trace (W3C `traceparent`) that work on it continues, if it is part of one.
    public var trace: String?
    /// The options as text, by which one request is told from another; also of options that could not be read.
    public var asked: String
    /// Where it is in its life.
    public var state: JobState
    /// How often work on it was begun (work that was given back does not count).
    public var attempts: Int
    /// How often it was given back for want of room.
    public var returns: Int
    /// How much of the work is done, 0…1.
    public var progress: Double
    /// The song's length in seconds, once somebody has measured it.
    public var audioSeconds: Double?
    /// When it was enqueued, by the clock of Redis.
    public var createdAt: Date
    /// When the last attempt began.
    public var startedAt: Date?
    /// When it was done, failed, dead or cancelled.
    public var finishedAt: Date?
    /// Why it failed, or why its last attempt did: a sentence.
    public var error: String?
    /// The worker of the last attempt.
    public var worker: String?
    /// The stems of a job that is done.
    public var stems: [StemRecord]
    /// The song itself as the model heard it, of a job that is done.
    public var original: StemRecord?
    /// Frames a second of the stems, of a job that is done.
    public var sampleRate: Int?
    /// The model that separated it.
    public var model: String?
    /// What the listener should know (damaged frames, …), as sentences.
    public var warnings: [String]

    /// The name of the user metadata in which an object bears its owner's name.
    public static let ownerMetadata = "msaas-owner"
    /// The name of that in which it bears its place in a trace.
    public static let traceMetadata = "traceparent"

    /// A job that has not been enqueued yet. `createdAt` is overwritten by the queue with the time of Redis.
    public init(
        id: JobID, bucket: String, key: String, filename: String, options: JobOptions = JobOptions(),
        owner: String? = nil, write: ObjectWrite? = nil, audioSeconds: Double? = nil, createdAt: Date = Date()
    ) {
        self.id = id
        self.bucket = bucket
        self.key = key
        self.filename = filename
        self.options = options
        self.owner = owner
        self.write = write
        self.asked = options.identity
        self.state = .queued
        self.attempts = 0
        self.returns = 0
        self.progress = 0
        self.audioSeconds = audioSeconds
        self.createdAt = createdAt
        self.stems = []
        self.warnings = []
    }

    /// The job of an object in the queue bucket: the one rule by which notifications, orders and the sweep name jobs.
    ///
    /// A key `{job}/{filename}` belongs to that job, unless the object is to be done with other options than its own; any
    /// other key gets the id that ``JobID/init(bucket:key:version:options:)`` derives.
    ///
    /// - Parameters:
    ///   - asked: the options as text where they cannot be read.
    ///   - isVariant: whether the options are others than the object's own.
    public init(
        write: ObjectWrite, options: JobOptions = JobOptions(), asked: String? = nil, isVariant: Bool = false,
        owner: String? = nil
    ) {
        let asked = asked ?? options.identity
        let derived = JobID(bucket: write.bucket, key: write.key, version: write.version, options: asked)
        let id = isVariant ? derived : Self.id(inKey: write.key) ?? derived
        let filename = write.key.unicodeScalars.split(separator: "/").last.map { String($0) } ?? write.key
        self.init(
            id: id, bucket: write.bucket, key: write.key, filename: filename, options: options, owner: owner,
            write: write)
        self.asked = asked
    }

    /// The id that a key `{job}/{filename}` starts with, or `nil`.
    public static func id(inKey key: String) -> JobID? {
        let parts = key.unicodeScalars.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { return nil }
        return JobID(String(parts[0]))
    }
}

extension Job {
    /// Reads the hash `{msaas}:job:ID`.
    ///
    /// - Throws: ``RedisError/unexpectedReply(_:)`` that names the field.
    init(id: JobID, fields: [String: String]) throws(RedisError) {
        func required(_ name: String) throws(RedisError) -> String {
            guard let value = fields[name] else { throw .unexpectedReply("job \(id) without its \(name)") }
            return value
        }
        func date(_ name: String) -> Date? { fields[name].flatMap(Double.init).map { Date(milliseconds: $0) } }
        func text(_ name: String) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
        let options = try decoded(JobOptions.self, required("options"), of: id)
        self.init(
            id: id, bucket: try required("bucket"), key: try required("key"), filename: try required("filename"),
            options: options, owner: text("owner"), audioSeconds: fields["audio_seconds"].flatMap(Double.init),
            createdAt: date("created_at") ?? Date(timeIntervalSince1970: 0))
        asked = fields["asked"] ?? asked
        trace = text("trace")
        if let text = text("budget") { budget = try decoded(SongBudget.self, text, of: id) }
        if let tag = text("etag") {
            write = ObjectWrite(bucket: bucket, key: key, eTag: tag, size: fields["bytes"].flatMap { Int($0) } ?? 0)
        }
        guard let state = JobState(rawValue: try required("state")) else {
            throw .unexpectedReply("job \(id) in state “\(try required("state"))”")
        }
        self.state = state
        attempts = fields["attempts"].flatMap { Int($0) } ?? 0
        returns = fields["returns"].flatMap { Int($0) } ?? 0
        progress = fields["progress"].flatMap(Double.init) ?? 0
        startedAt = date("started_at")
        finishedAt = date("finished_at")
        error = fields["error"]
        worker = fields["worker"]
        if let text = fields["manifest"], state == .done {
            let manifest = try decoded(Manifest.self, text, of: id)
            (stems, model, warnings) = (manifest.stems, manifest.model, manifest.warnings)
            (original, sampleRate) = (manifest.original, manifest.sampleRate)
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

extension JobStatus {
    /// What Redis knows.
    public init(_ job: Job) {
        self.init(
            job.id, state: job.state, filename: job.filename, options: job.options,
            progress: job.state == .done ? 1 : job.progress)
        bucket = job.bucket
        key = job.key
        model = job.model ?? job.options.model
        attempts = job.attempts
        audioSeconds = job.audioSeconds
        error = job.error
        warnings = job.warnings
        createdAt = job.createdAt
        startedAt = job.startedAt
        finishedAt = job.finishedAt
        if job.state == .done { show(job.stems, original: job.original) }
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
