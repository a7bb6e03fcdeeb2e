import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

extension FetchFunction {
    /// Cancels a job that is not finished; of one that is (or that only the buckets know) everything is removed.
    /// In both cases the song goes, so that nobody finds it and begins again. Repeating it is harmless.
    func delete(_ id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        if case .owner = context.caller.viewer { _ = try await lookup(context).find(id) }
        try await withServiceProblems(context.logger) {
            let job = try await queue.jobs.job(id)
            var isCancelling = job.map { $0.state == .queued || $0.state == .running } ?? false
            if isCancelling { isCancelling = try await queue.jobs.cancel(id) == .cancelled }
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
