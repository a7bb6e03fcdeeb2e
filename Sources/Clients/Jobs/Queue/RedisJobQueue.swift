import Foundation
import Logging
import ServiceContract

/// The queue in Redis. It connects when it is first used, and again whenever the connection broke.
///
/// Keys: `msaas:queue`, `msaas:processing:{worker}`, `msaas:leases`, `msaas:job:{id}`, `msaas:dead`, `msaas:events`,
/// `msaas:workers`, and `msaas:recent` (zset, job → time of enqueueing, capped), by which recent jobs are found.
///
/// Calls throw ``RedisError`` once Redis has been away for longer than the patience in ``QueueOptions/timeouts``, and
/// `CancellationError` when the task was cancelled. Repeating a call whose reply was lost is harmless.
public actor RedisJobQueue: JobQueue {
    /// The rules.
    public nonisolated let options: QueueOptions
    /// Where the queue is.
    public nonisolated let address: RedisAddress
    /// Everything but waiting.
    package nonisolated let pool: RedisPool
    /// Waits for jobs.
    private let waiting: RedisClient
    private nonisolated let settings: ScriptSettings

    /// A queue at `url` (see ``RedisAddress/init(_:)``).
    ///
    /// - Throws: ``RedisError/invalidURL(_:)``.
    public init(url: String, options: QueueOptions = QueueOptions()) throws(RedisError) {
        self.init(address: try RedisAddress(url), options: options)
    }

    /// A queue at `address`.
    public init(address: RedisAddress, options: QueueOptions = QueueOptions()) {
        self.options = options
        self.address = address
        settings = options.scripts
        pool = RedisPool(address: address, timeouts: options.timeouts, size: options.connections)
        waiting = RedisClient(address: address, timeouts: options.timeouts, name: "redis-claim")
    }

    /// Whether Redis answers.
    ///
    /// - Throws: ``RedisError`` that says why not.
    public func ping() async throws { _ = try await pool.client.send(["PING"]) }

    /// The event log that this queue writes.
    public nonisolated func eventLog() -> RedisEventLog { RedisEventLog(queue: self) }

    /// Renewals and heartbeats for a plain thread, over a connection of its own.
    public nonisolated func leaseLine() -> RedisLeaseLine { RedisLeaseLine(address: address, options: options) }

    // MARK: - Into the queue

    /// See ``JobQueue/enqueue(_:)``; `LPUSH` of `msaas:queue`.
    public func enqueue(_ job: Job) async throws -> EnqueueOutcome {
        let seconds = job.audioSeconds.map { RedisArgument($0) } ?? ""
        let reply = try await pool.run(
            Script.enqueue(
                settings, RedisArgument(job.id), RedisArgument(job.bucket), RedisArgument(job.key),
                RedisArgument(job.filename), RedisArgument(try encoded(job.options)), seconds))
        switch (reply.array?.first?.string, reply.array?.last) {
        case ("enqueued", let position?): return .enqueued(position: Int(position.integer ?? 0))
        case ("known", let state?):
            guard let state = state.string.flatMap(JobState.init) else { break }
            return .alreadyKnown(state)
        default: break
        }
        throw RedisError.unexpectedReply("to enqueue")
    }

    /// See ``JobQueue/reject(_:reason:)``.
    @discardableResult public func reject(_ job: Job, reason: String) async throws -> JobState {
        let reply = try await pool.run(
            Script.reject(
                settings, RedisArgument(job.id), RedisArgument(job.bucket), RedisArgument(job.key),
                RedisArgument(job.filename), RedisArgument(try encoded(job.options)), RedisArgument(reason)))
        guard let state = reply.string.flatMap(JobState.init) else { throw RedisError.unexpectedReply("to reject") }
        return state
    }

    /// See ``JobQueue/cancel(_:)``.
    public func cancel(_ id: JobID) async throws -> CancelOutcome {
        let reply = try await pool.run(Script.cancel(settings, RedisArgument(id)))
        switch reply.string.flatMap(JobState.init) {
        case nil: return .unknown
        case .done: return .alreadyFinished(.done)
        case .failed: return .alreadyFinished(.failed)
        case .uploaded, .queued, .running, .dead, .cancelled: return .cancelled
        }
    }

    /// See ``JobQueue/remove(_:)``.
    public func remove(_ id: JobID) async throws {
        _ = try await pool.run(Script.remove(settings, RedisArgument(id)))
    }

    /// See ``JobQueue/retryDead(_:)``; the list `msaas:dead`.
    @discardableResult public func retryDead(_ id: JobID?) async throws -> [JobID] {
        try ids(await pool.run(Script.retryDead(settings, RedisArgument(id?.description ?? ""))))
    }

    // MARK: - Out of the queue

    /// See ``JobQueue/claim(worker:wait:)``; `BLMOVE` to `msaas:processing:{worker}` over a connection of its own, in steps
    /// of at most a second. Claims of one queue object wait for each other.
    public func claim(worker: String, wait: Duration) async throws -> Claim? {
        let clock = ContinuousClock()
        let end = clock.now + wait
        repeat {
            try Task.checkCancellation()
            let left = min(max(end - clock.now, .milliseconds(10)), .seconds(1))
            guard let id = try await next(worker: worker, wait: left) else { continue }
            if let claim = try await start(id, worker: worker) { return claim }
        } while clock.now < end
        return nil
    }

    /// The id of a job that is now on the worker's list.
    private func next(worker: String, wait: Duration) async throws -> JobID? {
        var reply = try await waiting.run(Script.adopt(settings, RedisArgument(worker)))
        if case .null = reply {
            let list = RedisArgument("msaas:processing:\(worker)")
            reply = try await waiting.send(
                ["BLMOVE", "msaas:queue", list, "RIGHT", "LEFT", RedisArgument(Double(wait.milliseconds) / 1000)],
                blocking: wait)
        }
        guard let text = reply.string else { return nil }
        guard let id = JobID(text) else { throw RedisError.unexpectedReply("“\(text)” in the queue") }
        return id
    }

    private func start(_ id: JobID, worker: String) async throws -> Claim? {
        let nonce = RedisArgument(UInt64.random(in: 0 ... .max))
        let reply = try await waiting.run(Script.start(settings, RedisArgument(id), RedisArgument(worker), nonce))
        guard let parts = reply.array, parts.count == 2 else { return nil }
        guard let token = parts[0].integer, let fields = parts[1].pairs else {
            throw RedisError.unexpectedReply("to the start of job \(id)")
        }
        do {
            return Claim(job: try Job(id: id, fields: fields), token: token)
        } catch {
            // Nobody of this version can ever do it, and whoever is next in the queue shall not wait for that.
            let reason = RedisArgument("The job's record cannot be read: \(error)")
            _ = try await waiting.run(Script.fail(settings, RedisArgument(id), RedisArgument(token), reason, "0"))
            return nil
        }
    }

    // MARK: - In a worker's hands

    /// See ``JobQueue/renew(_:)``; the score in `msaas:leases`.
    public func renew(_ claim: Claim) async throws -> LeaseStatus {
        try LeaseStatus(await pool.run(.renew(claim, settings)))
    }

    /// See ``JobQueue/report(_:progress:audioSeconds:)``; every twentieth of the work becomes an event.
    public func report(_ claim: Claim, progress: Double, audioSeconds: Double?) async throws -> LeaseStatus {
        try LeaseStatus(await pool.run(.report(claim, progress, audioSeconds, settings)))
    }

    /// See ``JobQueue/seal(_:manifest:)``.
    public func seal(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus {
        let (id, token) = claim.arguments
        return try LeaseStatus(
            await pool.run(Script.seal(settings, id, token, RedisArgument(try encoded(manifest)))))
    }

    /// See ``JobQueue/commit(_:manifest:)``; the hash expires after the retention.
    public func commit(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus {
        let (id, token) = claim.arguments
        return try LeaseStatus(
            await pool.run(
                Script.commit(
                    settings, id, token, RedisArgument(try encoded(manifest)), RedisArgument(manifest.duration))))
    }

    /// See ``JobQueue/fail(_:reason:retry:)``.
    public func fail(_ claim: Claim, reason: String, retry: Bool) async throws -> JobState {
        let (id, token) = claim.arguments
        let reply = try await pool.run(Script.fail(settings, id, token, RedisArgument(reason), retry ? "1" : "0"))
        guard let state = reply.string.flatMap(JobState.init) else { throw RedisError.unexpectedReply("to fail") }
        return state
    }

    /// See ``JobQueue/giveBack(_:)``; `RPUSH` of `msaas:queue`. A sealed job is left for ``unpublished()``.
    public func giveBack(_ claim: Claim) async throws {
        let (id, token) = claim.arguments
        _ = try await pool.run(Script.giveBack(settings, id, token))
    }

    // MARK: - Upkeep

    /// See ``JobQueue/recover()``: leases that ran out, and lists of workers without a heartbeat for two leases. For one
    /// lease's time after a start of Redis nothing is recovered, so that the holders can come back.
    @discardableResult public func recover() async throws -> [JobID] {
        try ids(await pool.run(Script.recover(settings)))
    }

    /// See ``JobQueue/unpublished()``.
    public func unpublished() async throws -> [SealedJob] {
        guard let entries = try await pool.run(Script.unpublished(settings)).array else {
            throw RedisError.unexpectedReply("to unpublished")
        }
        return try entries.map { try SealedJob(entry: $0) }
    }

    private func ids(_ reply: RedisValue) throws -> [JobID] {
        guard let values = reply.array else { throw RedisError.unexpectedReply("in place of job ids") }
        return values.compactMap { $0.string.flatMap { JobID($0) } }
    }
}
