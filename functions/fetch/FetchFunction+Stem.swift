import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

extension FetchFunction {
    /// A stem's audio, whole or a range of it.
    func stem(
        _ name: String, of id: JobID, _ request: FunctionRequest, _ context: FunctionContext
    ) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        guard let record = finished.stems.first(where: { $0.downloadName == name || $0.name == name }) else {
            let names = finished.stems.map(\.name).joined(separator: ", ")
            throw Problem.notFound("The job has no stem “\(name.prefix(64))”; there are \(names).")
        }
        let eTag = "\"\(record.eTag)\""
        var headers: HTTPFields = [
            .eTag: eTag, .acceptRanges: "bytes", .contentType: record.contentType, .cacheControl: "private, no-cache",
            .contentDisposition: ContentDisposition.attachment("\(finished.title) - \(record.downloadName)"),
        ]
        if EntityTags(request.headers[.ifNoneMatch])?.contains(eTag) ?? false {
            return FunctionResponse(status: 304, headers: headers)
        }
        let isFresh = request.headers[.ifRange].map { $0 == eTag } ?? true
        // A range is for GET alone (RFC 9110, section 14.2).
        let range =
            isFresh && request.method == "GET" ? RangeHeader(request.headers[.range], size: record.size) : .whole
        switch range {
        case .unsatisfiable:
            throw Problem(
                .rangeNotSatisfiable, detail: "The stem has \(record.size) bytes; ask for a range within them.",
                headers: [.contentRange: "bytes */\(record.size)", .acceptRanges: "bytes"])
        case .bytes(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(record.size)"
        case .whole: break
        }
        let isHead = request.method == "HEAD"
        let length = range.count ?? record.size
        let body = isHead || length == 0 ? nil : try await object(record, of: id, range, context)
        return FunctionResponse(
            status: range == .whole ? 200 : 206, headers: headers,
            body: .stream(length: length) { writer in
                guard let body else { return }
                for try await chunk in body.body { try await writer.write(chunk) }
            })
    }

    private func object(
        _ record: StemRecord, of id: JobID, _ range: RangeHeader, _ context: FunctionContext
    ) async throws -> S3Object {
        try await withServiceProblems(context.logger) {
            do {
                return try await storage.client.get(
                    storage.outputBucket, record.key(of: id), range: range.bytes.map { .bytes($0) },
                    ifMatch: record.eTag)
            } catch let error as S3Error where error.isNotFound || error.status == 412 {
                throw Problem.stemGone
            }
        }
    }

    /// What is needed to hand out the stems of a job.
    struct FinishedJob: Sendable {
        var title: String
        var stems: [StemRecord]
        var finishedAt: Date
    }

    /// - Throws: a ``Problem`` that says why there are no stems (yet).
    func finishedJob(_ id: JobID, _ context: FunctionContext) async throws -> FinishedJob {
        switch try await lookup(context).find(id) {
        case .manifest(let manifest):
            return FinishedJob(
                title: manifest.filename.withoutExtension, stems: manifest.stems, finishedAt: manifest.finishedAt)
        case .queued(let outlook):
            let job = outlook.job
            guard job.state == .done else { throw Problem.notDone(job.state, error: job.error, id) }
            return FinishedJob(
                title: job.filename.withoutExtension, stems: job.stems, finishedAt: job.finishedAt ?? job.createdAt)
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
