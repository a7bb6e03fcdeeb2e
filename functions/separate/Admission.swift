import FunctionClients
import Jobs
import Logging
import HTTPTransport
import ObjectStorage
import Synchronization
import ServiceContract

/// Decides about one object at a time: into the queue, recorded as failed, or ignored.
struct Admission: Sendable {
    let storage: StorageAccess
    let queue: QueueAccess
    let trials: Trials
    let logger: Logger

    enum Outcome: Sendable {
        case accepted(AcceptedSong)
        case ignored(IgnoredEvent)
    }

    /// Decides, and sets an object aside for which that fails again and again in a way that time does not mend: it
    /// becomes a failed job, which everybody sees and which can be tried again, and those behind it have their turn.
    ///
    /// - Throws: errors of the storage and of Redis; the same order may succeed later.
    func admitInTheEnd(_ order: Order) async throws -> Outcome {
        let name = "\(order.bucket)/\(order.key)"
        do {
            let outcome = try await admit(order)
            trials.succeeded(name)
            return outcome
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let tries = trials.failed(name)
            let mayPass =
                error is RedisError || (error as? S3Error)?.isTransient ?? (error as? HTTPError)?.isTransient ?? false
            guard !mayPass, tries >= Trials.limit, !order.isByHand else { throw error }
            logger.error(
                "set aside", metadata: ["key": .string(order.key.debugDescription), "error": .string("\(error)")])
            let job = Job(bucket: order.bucket, key: order.key, eTag: order.eTag)
            let outcome = try await reject(job, "The storage cannot tell what this object is; it was set aside.") {
                .ignored(IgnoredEvent(bucket: order.bucket, key: order.key, job: $1, reason: $0))
            }
            trials.succeeded(name)
            return outcome
        }
    }

    /// - Throws: errors of the storage and of Redis; the same order may succeed later.
    private func admit(_ order: Order) async throws -> Outcome {
        func ignored(_ reason: String, job: JobID? = nil) -> Outcome {
            .ignored(IgnoredEvent(bucket: order.bucket, key: order.key, job: job, reason: reason))
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
            return .accepted(AcceptedSong(job: job.id, key: order.key, state: .queued, position: position))
        case .alreadyKnown(let state):
            return .accepted(AcceptedSong(job: job.id, key: order.key, state: state))
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
            return .accepted(AcceptedSong(job: job.id, key: job.key, state: state))
        }
        return ignored(reason, job.id)
    }
}

/// How often the look at each object has failed in a row.
final class Trials: Sendable {
    /// So many tries, then what can never succeed is set aside.
    static let limit = 3
    private static let memory = Duration.seconds(300)
    private static let objectLimit = 10_000

    private let failures = Mutex<[String: (count: Int, last: ContinuousClock.Instant)]>([:])

    /// - Returns: how often it has failed now.
    func failed(_ object: String, now: ContinuousClock.Instant = .now) -> Int {
        failures.withLock { failures in
            if failures.count >= Self.objectLimit { failures = failures.filter { now - $0.value.last < Self.memory } }
            guard failures.count < Self.objectLimit || failures[object] != nil else { return 1 }
            let count = (failures[object]?.count ?? 0) + 1
            failures[object] = (count, now)
            return count
        }
    }

    func succeeded(_ object: String) { failures.withLock { $0[object] = nil } }

    /// - Throws: ``Stuck`` when something has failed several times in a row, and lately.
    func check(now: ContinuousClock.Instant = .now) throws {
        let count = failures.withLock { failures in
            failures.values.count { $0.count >= Self.limit && now - $0.last < Self.memory }
        }
        guard count == 0 else { throw Stuck(count: count) }
    }

    struct Stuck: Error, CustomStringConvertible {
        let count: Int
        var description: String { "\(count) events are sent again and again" }
    }
}
