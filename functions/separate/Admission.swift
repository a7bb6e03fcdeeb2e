import FunctionClients
import Jobs
import Logging
import ObjectStorage
import ServiceContract

/// Decides about one object at a time: into the queue, recorded as failed, or ignored.
struct Admission: Sendable {
    let storage: StorageAccess
    let queue: QueueAccess
    let logger: Logger

    enum Outcome: Sendable {
        case accepted(Accepted)
        case ignored(Ignored)
    }

    /// - Throws: errors of the storage and of Redis; the same order may succeed later.
    func admit(_ order: Order) async throws -> Outcome {
        func ignored(_ reason: String, job: JobID? = nil) -> Outcome {
            .ignored(Ignored(bucket: order.bucket, key: order.key, job: job, reason: reason))
        }
        guard order.isCreation else { return ignored("The event is not about a new object.") }
        guard order.bucket == storage.queueBucket else {
            return ignored("The object is not in the bucket “\(storage.queueBucket)”.")
        }
        guard !order.key.hasSuffix("/") else { return ignored("The object is a folder.") }
        guard !LateOptions.areAt(order.key) else { return ignored("The object holds options of another one.") }
        // The storage is asked and not the event believed: events lack fields, come late and come twice.
        guard let head = try await storage.client.head(order.bucket, order.key) else {
            return ignored("The object is not there (any more).")
        }
        var job = Job(bucket: order.bucket, key: order.key, eTag: head.eTag)
        guard head.size > 0 else { return try await reject(job, "The file is empty.", ignored) }
        do {
            let metadata = try await LateOptions.metadata(
                of: head, order.key, client: storage.client, bucket: order.bucket)
            job.options = try options(order, metadata)
        } catch let error as InvalidOption {
            return try await reject(job, error.description, ignored)
        }
        switch try await queue.jobs.enqueue(job) {
        case .enqueued(let position):
            logger.info("queued", metadata: ["job": .string(job.id.description), "key": .string(order.key)])
            return .accepted(Accepted(job: job.id, key: order.key, state: .queued, position: position))
        case .alreadyKnown(let state):
            return .accepted(Accepted(job: job.id, key: order.key, state: state))
        }
    }

    private func options(_ order: Order, _ metadata: [String: String]) throws(InvalidOption) -> JobOptions {
        guard !order.options.isEmpty else { return try JobOptions(metadata: metadata) }
        // What the order says replaces what the object says.
        let stored = try JobOptions(metadata: metadata).metadata
        let asked = try JobOptions(validating: order.options).metadata
        let named = Set(order.options.keys.map { $0.lowercased().replacing("_", with: "-") })
        return try JobOptions(metadata: stored.merging(asked.filter { named.contains($0.key) }) { $1 })
    }

    private func reject(
        _ job: Job, _ reason: String, _ ignored: (String, JobID?) -> Outcome
    ) async throws -> Outcome {
        let state = try await queue.jobs.reject(job, reason: reason)
        guard state == .failed else {
            return .accepted(Accepted(job: job.id, key: job.key, state: state))
        }
        return ignored(reason, job.id)
    }
}
