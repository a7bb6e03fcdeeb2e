import Encodings
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import SeparationChoices
import ServiceContract

// The stems of a job that is done: one of them, whole or a range of it, or all of them in an archive.

extension FetchFunction {
    /// A stem's audio, whole or a range of it.
    func stem(
        _ name: String, of id: JobID, _ request: FunctionRequest, _ context: FunctionContext
    ) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        let bits = request.query["bits"]
        guard bits == nil || bits == "16" else {
            throw Problem.badRequest(
                "bits is “\(bits?.prefix(16) ?? "")”; it can only be 16, which WAV then has for certain.")
        }
        let stored = finished.stems.first { $0.downloadName == name || $0.name == name }
        if let stored, bits == nil || stored.contentType != StemFormat.wav.contentType {
            return try await self.stored(stored, of: finished, request, context)
        }
        let wanted = RenditionName(name)
        guard let track = stored ?? wanted.flatMap({ finished.track($0.track) }) else { throw finished.noTrack(name) }
        return try await rendition(track, as: wanted?.format ?? .wav, of: finished, request, context)
    }

    /// A stem as it is stored.
    private func stored(
        _ record: StemRecord, of finished: FinishedJob, _ request: FunctionRequest, _ context: FunctionContext
    ) async throws -> FunctionResponse {
        let headers: HTTPFields = [
            .contentType: record.contentType, .cacheControl: "private, no-cache",
            .contentDisposition: ContentDisposition.attachment("\(finished.title) - \(record.downloadName)"),
        ]
        return try await portion(of: record.size, eTag: "\"\(record.eTag)\"", request, headers: headers) { range in
            guard request.method != "HEAD", !range.isEmpty else { return .stream(length: range.count) { _ in } }
            let part = range.count == record.size ? nil : range
            let object = try await object(record, of: finished.id, part, context)
            return .stream(length: range.count) { writer in
                for try await chunk in object.body { try await writer.write(chunk) }
            }
        }
    }

    private func object(
        _ record: StemRecord, of id: JobID, _ range: Range<Int>?, _ context: FunctionContext
    ) async throws -> S3Object {
        try await withServiceProblems(context.logger) {
            do {
                return try await storage.client.get(
                    storage.outputBucket, record.key(of: id), range: range.map { .bytes($0) },
                    ifMatch: record.eTag)
            } catch let error as S3Error where error.isNotFound || error.status == 412 {
                throw Problem.stemGone
            }
        }
    }

    /// What is needed to hand out the stems of a job.
    struct FinishedJob: Sendable {
        var id: JobID
        var title: String
        var stems: [StemRecord]
        var original: StemRecord?
        var sampleRate: Int
        var finishedAt: Date

        static let originalName = "original"

        /// The stem of this name, or the song itself.
        func track(_ name: String) -> StemRecord? {
            stems.first { $0.name == name } ?? (name == Self.originalName ? original : nil)
        }

        func noTrack(_ name: String) -> Problem {
            let names = (stems.map(\.name) + (original == nil ? [] : [Self.originalName])).joined(separator: ", ")
            return .notFound(
                "The job has no “\(name.prefix(64))”; there are \(names), as they are stored or as .wav, .flac and .mp3."
            )
        }
    }

    /// - Throws: a ``Problem`` that says why there are no stems (yet).
    func finishedJob(_ id: JobID, _ context: FunctionContext) async throws -> FinishedJob {
        switch try await lookup(context).find(id) {
        case .manifest(let manifest):
            return FinishedJob(
                id: id, title: manifest.filename.withoutExtension, stems: manifest.stems, original: manifest.original,
                sampleRate: manifest.sampleRate, finishedAt: manifest.finishedAt)
        case .queued(let outlook):
            let job = outlook.job
            guard job.state == .done else { throw Problem.notDone(job.state, error: job.error, id) }
            return FinishedJob(
                id: id, title: job.filename.withoutExtension, stems: job.stems, original: job.original,
                sampleRate: job.sampleRate ?? 44100, finishedAt: job.finishedAt ?? job.createdAt)
        case .object(let status, _): throw Problem.notDone(status.state, error: nil, id)
        }
    }
}

extension Problem {
    static let stemGone = Problem(.gone, detail: "The stem was removed from the storage; upload the song again.")

    static func notDone(_ state: JobState, error: String?, _ id: JobID) -> Problem {
        var problem = Problem(.notDone, detail: "", extensions: ["state": .string(state.rawValue)])
        switch state {
        case .failed, .dead: problem.detail = "The job failed and has no stems: \(error ?? "no reason is known.")"
        case .cancelled: problem.detail = "The job was cancelled and has no stems; upload the song again."
        default:
            problem.detail = "The job is \(state.rawValue) and its stems are not there yet; follow /fetch/\(id)/events."
            problem.headers[.retryAfter] = "2"
        }
        return problem
    }
}

extension String {
    /// Without `.mp3` and the like.
    var withoutExtension: String {
        guard let dot = lastIndex(of: "."), dot > startIndex, distance(from: dot, to: endIndex) <= 6 else {
            return self
        }
        return String(self[..<dot])
    }
}

extension FetchFunction {
    /// All stems in one zip archive, written while it is sent.
    func archive(of id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        let entries = finished.stems.map {
            ZipEntry(name: $0.downloadName, size: $0.size, modified: finished.finishedAt)
        }
        let client = storage.client
        let bucket = storage.outputBucket
        // The first stem is asked for here, while a missing one can still be told with a status.
        if let first = finished.stems.first {
            let head = try await withServiceProblems(context.logger) {
                try await client.head(bucket, first.key(of: id))
            }
            guard head?.eTag == first.eTag else { throw Problem.stemGone }
        }
        return FunctionResponse(
            headers: [
                .contentType: "application/zip", .cacheControl: "private, no-cache", .acceptRanges: "none",
                .contentDisposition: ContentDisposition.attachment("\(finished.title) - stems.zip"),
            ],
            body: .stream(length: ZipWriter.size(of: entries)) { writer in
                var archive = ZipWriter()
                for (stem, entry) in zip(finished.stems, entries) {
                    try await writer.write(archive.begin(entry))
                    let object = try await client.get(bucket, stem.key(of: id), ifMatch: stem.eTag)
                    for try await chunk in object.body {
                        chunk.withUnsafeReadableBytes { archive.add($0) }
                        try await writer.write(chunk)
                    }
                    try await writer.write(try archive.finishEntry())
                }
                try await writer.write(archive.finish())
            })
    }
}

/// Which bytes a `Range` header asks for (RFC 9110, section 14).
package enum RangeHeader: Sendable, Equatable {
    /// Everything: there is no header, it is malformed, or it asks for several ranges, which a server may ignore.
    case whole
    case bytes(Range<Int>)
    /// Well formed, but beyond the end.
    case unsatisfiable

    package init(_ header: String?, size: Int) {
        self = .whole
        guard let header, let match = header.wholeMatch(of: /[Bb][Yy][Tt][Ee][Ss]=\s*([0-9]{0,18})-([0-9]{0,18})\s*/)
        else {
            return
        }
        switch (Int(match.1), Int(match.2)) {
        case (let first?, let last?) where last < first: break
        case (let first?, let last):
            self = first < size ? .bytes(first..<min(size, (last ?? size - 1) + 1)) : .unsatisfiable
        case (nil, let count?): self = count > 0 && size > 0 ? .bytes(max(0, size - count)..<size) : .unsatisfiable
        case (nil, nil): break
        }
    }

}

/// `Content-Disposition` for a name from outside (RFC 6266, RFC 8187): nothing in the name can end the header, the
/// quotes or the line.
package enum ContentDisposition {
    package static func attachment(_ name: String) -> String {
        let plain = String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7f
                        && !"\"\\%;/".unicodeScalars.contains(scalar)
                        ? scalar : "_"
                }))
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(name.percentEncoded())"
    }
}
