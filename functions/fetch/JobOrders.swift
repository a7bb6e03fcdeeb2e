import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

// What people do to a job: try it again, tell its callback again, share it, cancel or remove it.

extension FetchFunction {
    /// Puts a job that failed or died back into the queue.
    func retry(_ id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        let lookup = lookup(context)
        let before = try await lookup.find(id)
        guard case .queued(let outlook) = before else { throw Problem.notForgotten(before) }
        let revived = try await withServiceProblems(context.logger) { try await queue.jobs.retry(id) }
        guard revived.contains(id) else { throw Problem.notRetried(outlook.job) }
        return try .json(
            status: 202, headers: [.location: JobLinks(id).status, .cacheControl: "no-store"],
            try await lookup.status(of: id))
    }

    /// Sends messages to the job's callback again: those that were given up or, without any, the last one.
    func resend(_ id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        let lookup = lookup(context)
        _ = try await lookup.find(id)
        let messages = try await withServiceProblems(context.logger) { try await queue.jobs.resendCallbacks(of: id) }
        guard !messages.isEmpty else {
            throw Problem.conflict("There is nothing to tell: the job has no callback, or no end.")
        }
        return try .json(
            status: 202, headers: [.location: JobLinks(id).status, .cacheControl: "no-store"],
            try await lookup.status(of: id))
    }

    private struct Wish: Decodable {
        var days: Int?
    }

    /// Gives out a link by which others see the job, and hear its stems, for some days.
    func share(_ id: JobID, _ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let body = try await request.body.collect(upTo: 4096)
        guard let wish = try? body.isEmpty ? Wish() : JSONDecoder().decode(Wish.self, from: body),
            (1...30).contains(wish.days ?? 7)
        else {
            throw Problem.badRequest("Send {\"days\": N} with a whole number from 1 to 30, or nothing for 7.")
        }
        _ = try await lookup(context).find(id)
        let end = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
            .addingTimeInterval(Double(wish.days ?? 7) * 86_400)
        let token = signer.shareToken(of: id, by: context.caller, until: end)
        return try .json(
            status: 201, headers: [.cacheControl: "no-store"], SharedLink(job: id, token: token, expiresAt: end))
    }

    /// Cancels a job that is not finished; of one that is (or that only the buckets know) everything is removed, unless the query
    /// says `only=unfinished`: who cancels a job that ends at the same moment keeps its stems.
    /// The song goes, so that nobody finds it and begins again. Repeating it is harmless.
    func delete(_ id: JobID, _ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let only = request.query["only"]
        guard only == nil || only == "unfinished" else {
            throw Problem.badRequest("only says which jobs are meant; it can be unfinished, or be left out.")
        }
        let lookup = lookup(context)
        if context.caller.viewer.scope != .all { _ = try await lookup.find(id) }
        try await withServiceProblems(context.logger) {
            let job = try await queue.jobs.job(id)
            var isCancelling = job.map { $0.state == .queued || $0.state == .running } ?? false
            if isCancelling { isCancelling = try await queue.jobs.cancel(id) == .cancelled }
            if only != nil, !isCancelling {
                // One that is not in the queue yet has not begun either.
                guard job == nil, case .object = try await lookup.find(id) else { throw Problem.endedAlready }
            }
            var songs = try await keys(storage.queueBucket, below: id)
            if let job, job.bucket == storage.queueBucket, !songs.contains(job.key) { songs.append(job.key) }
            if !songs.isEmpty { try await storage.client.deleteMany(storage.queueBucket, songs) }
            guard !isCancelling else { return }
            // The manifest last: as long as it is there, so is the record that leads back here.
            let stems = try await keys(storage.outputBucket, below: id).filter { $0 != Manifest.key(of: id) }
            if !stems.isEmpty { try await storage.client.deleteMany(storage.outputBucket, stems) }
            try await storage.client.delete(storage.outputBucket, Manifest.key(of: id))
            if job != nil { try await queue.jobs.remove(id) }
        }
        return FunctionResponse(status: 204)
    }

    private func keys(_ bucket: String, below id: JobID) async throws -> [String] {
        var keys: [String] = []
        for try await object in storage.client.objects(bucket, prefix: "\(id)/") { keys.append(object.key) }
        return keys
    }
}

extension Problem {
    /// Why a job that the queue has no record of is not tried again.
    fileprivate static func notForgotten(_ found: JobLookup.Found) -> Problem {
        if case .manifest = found { return conflict("The job is done; its stems are there.") }
        return conflict("The song is not in the queue yet; it gets there by itself.")
    }

    /// Why a job is not cancelled.
    fileprivate static let endedAlready = conflict("The job has ended already; what was made of it is kept.")

    /// Why a job is not tried again.
    fileprivate static func notRetried(_ job: Job) -> Problem {
        switch job.state {
        case .done: conflict("The job is done; its stems are there.")
        case .cancelled: conflict("The job was cancelled, and its song removed; upload it again.")
        case .failed, .dead:
            conflict(
                "As it is, the job can never be done (\(job.error ?? "no reason is known")) Upload the song again.")
        case .awaitingUpload, .uploaded, .queued, .running:
            conflict("The job is \(job.state.rawValue); it is done by itself.")
        }
    }
}
