import Foundation
import FunctionClients
import Jobs
import HTTPTransport
import Logging
import ObjectStorage
import Observability
import ServiceContract

/// Decides about one object at a time: into the queue, recorded as failed, or ignored.
struct Admission: Sendable {
    let storage: StorageAccess
    let queue: QueueAccess
    /// Who asks; an order for another's object is refused.
    var viewer = Viewer.everybody
    var tracer = Tracer()
    let logger: Logger

    enum Outcome: Sendable {
        case accepted(AcceptedSong)
        case ignored(IgnoredEvent)
        /// The song's owner has used what it may; the song stays in the bucket, and the sweep tries again.
        case overQuota(OverQuota)
        /// The object is another's.
        case foreign
    }

    /// Decides, and sets an object aside that fails again and again in a way that time does not mend: nothing waits for it
    /// any more, the queue lists it, and it is tried again when somebody asks for that.
    ///
    /// - Throws: what ``admit(_:isSweep:)`` throws.
    func admitInTheEnd(_ order: Order, isSweep: Bool = false) async throws -> Outcome {
        do {
            return try await admit(order, isSweep: isSweep)
        } catch let error as InvalidOption {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            let mayPass =
                error is RedisError || (error as? S3Error)?.isTransient ?? (error as? HTTPError)?.isTransient ?? false
            guard !mayPass, !order.isDirect else { throw error }
            logger.error(
                "an object cannot be taken in",
                metadata: ["key": .string(order.key.debugDescription), "error": .string("\(error)")])
            // The detail stays in the log: what is recorded may be shown.
            let reason = "The storage cannot tell what this object is."
            guard try await queue.jobs.setAside(order.bucket, order.key, reason: reason) else { throw error }
            return .ignored(IgnoredEvent(bucket: order.bucket, key: order.key, reason: reason + " It was set aside."))
        }
    }

    /// - Parameter isSweep: whether nobody asked, so that a song whose stems are there is not done again.
    /// - Throws: ``InvalidOption`` when the order's own options are wrong, and errors of the storage and of Redis, with
    ///   which the same order may succeed later.
    private func admit(_ order: Order, isSweep: Bool = false) async throws -> Outcome {
        func ignored(_ reason: String, job: JobID? = nil) -> Outcome {
            .ignored(IgnoredEvent(bucket: order.bucket, key: order.key, job: job, reason: reason))
        }
        guard order.isCreation else { return ignored("The event is not about a new object.") }
        guard order.bucket == storage.queueBucket else {
            return ignored("The object is not in the bucket “\(storage.queueBucket)”.")
        }
        guard !order.key.hasSuffix("/") else { return ignored("The object is a folder.") }
        guard !SongCompanion.isAt(order.key) else { return ignored("The object says something of another one.") }
        // The storage is asked and not the event believed: events lack fields, come late and come twice.
        guard let head = try await storage.client.head(order.bucket, order.key) else {
            // To its senders, what is another's is not there either.
            if case .owner = viewer { return .foreign }
            try await queue.jobs.settleAside(order.bucket, order.key)
            return ignored("The object is not there (any more).")
        }
        let own = try await LateOptions.metadata(
            of: head, order.key, client: storage.client, bucket: order.bucket
        ).filter { JobOptions.isOption($0.key) }
        let asked = try own.merging(order.normalizedOptions()) { $1 }
        let write = ObjectWrite(
            bucket: order.bucket, key: order.key, eTag: head.eTag, versionID: head.versionID,
            lastModified: head.lastModified, size: head.size)
        let owner = head.metadata[Job.ownerMetadata].flatMap { $0.isEmpty ? nil : $0 }
        guard viewer.maySee(ownedBy: owner) else { return .foreign }
        let policy = queue.policy(owner)
        // What the upload began goes on here, and in the worker.
        let (place, start) = (tracer.place(continuing: head.metadata[Job.traceMetadata]), Date())
        func job(_ options: JobOptions, asked text: String? = nil) -> Job {
            // An order with options of its own makes a job beside the object's own one.
            let isVariant = !order.options.isEmpty && (try? JobOptions(metadata: own)) != options
            var job = Job(write: write, options: options, asked: text, isVariant: isVariant, owner: owner)
            job.trace = place.traceparent
            job.budget = policy.budget
            return job
        }
        func admitted(_ job: Job, _ outcome: String) {
            tracer.record(
                Span(
                    "admit", at: place, kind: .consumer, from: start,
                    attributes: [
                        "msaas.job": .text("\(job.id)"), "msaas.outcome": .text(outcome),
                        "msaas.sweep": .truth(isSweep),
                    ]), at: place)
        }
        let options: JobOptions
        do {
            options = try JobOptions(metadata: asked)
        } catch {
            let text = asked.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
            let song = job(JobOptions(), asked: text)
            admitted(song, "rejected")
            return try await reject(song, error.description, ignored)
        }
        let song = job(options)
        guard head.size > 0 else { return try await reject(song, "The file is empty.", ignored) }
        if let refusal = policy.budget.refusal(ofBytes: head.size) { return try await reject(song, refusal, ignored) }
        if isSweep, try await isDone(song) { return ignored("Its stems are in the bucket.", job: song.id) }
        switch try await queue.jobs.enqueue(song, under: policy) {
        case .enqueued(let position), .readmitted(let position, _):
            admitted(song, "queued")
            logger.info(
                "queued",
                metadata: [
                    "job": .string(song.id.description), "key": .string(order.key), "trace": .string(place.traceID),
                ])
            return .accepted(AcceptedSong(job: song.id, key: order.key, state: .queued, position: position))
        case .alreadyKnown(let state):
            admitted(song, "known")
            return .accepted(AcceptedSong(job: song.id, key: order.key, state: state))
        case .overQuota(let quota):
            admitted(song, "over quota")
            return .overQuota(quota)
        }
    }

    /// Whether the song was done, and Redis has merely forgotten it.
    private func isDone(_ song: Job) async throws -> Bool {
        guard try await queue.jobs.job(song.id) == nil,
            try await storage.client.head(storage.outputBucket, Manifest.key(of: song.id)) != nil
        else { return false }
        if let write = song.write { try await queue.jobs.note(write, as: song.id) }
        return true
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

extension Order {
    /// The options under the names that metadata has.
    ///
    /// - Throws: ``InvalidOption`` when one of them is wrong.
    fileprivate func normalizedOptions() throws(InvalidOption) -> [String: String] {
        guard !options.isEmpty else { return [:] }
        let checked = try JobOptions(validating: options).metadata
        var names = Set(options.keys.map { $0.lowercased().replacing("_", with: "-") })
        // A quality is kept as what it stands for.
        if names.contains("quality") { names.formUnion(["shifts", "overlap"]) }
        return checked.filter { names.contains($0.key) }
    }
}
