import ServiceContract

/// What has to go on while a song is separated: renewals, reports and heartbeats, as blocking calls for a plain thread
/// with a connection of its own, which neither a busy cooperative pool nor a busy queue can hold up.
///
/// Not `Sendable`: make it on the thread that uses it. Every call is tried once, over a new connection if the last one
/// broke; the thread's next round is the retry.
public final class RedisLeaseLine {
    private let session: RedisSession
    private let settings: ScriptSettings

    /// A line to the queue at `address`; it connects with the first call.
    public init(address: RedisAddress, options: QueueOptions) {
        session = RedisSession(address: address, timeouts: options.timeouts)
        settings = options.scripts
    }

    /// Renews the lease.
    public func renew(_ claim: Claim) throws(RedisError) -> LeaseStatus {
        try LeaseStatus(session.run(.renew(claim, settings)))
    }

    /// Stores how far the work is, 0…1, and how long the song is in seconds.
    public func report(_ claim: Claim, progress: Double, audioSeconds: Double?) throws(RedisError) -> LeaseStatus {
        try LeaseStatus(session.run(.report(claim, progress, audioSeconds, settings)))
    }

    /// Says that a worker lives.
    public func heartbeat(_ worker: WorkerRecord) throws(RedisError) {
        _ = try session.run(.heartbeat(worker, settings))
    }
}

extension ScriptCall {
    static func renew(_ claim: Claim, _ settings: ScriptSettings) -> ScriptCall {
        Script.renew(settings, claim.arguments.id, claim.arguments.token)
    }

    static func report(
        _ claim: Claim, _ progress: Double, _ audioSeconds: Double?, _ settings: ScriptSettings
    ) -> ScriptCall {
        let bounded = progress.isFinite ? min(max(progress, 0), 1) : 0
        return Script.report(
            settings, claim.arguments.id, claim.arguments.token, RedisArgument(bounded),
            audioSeconds.map { RedisArgument($0) } ?? "")
    }

    static func heartbeat(_ worker: WorkerRecord, _ settings: ScriptSettings) throws(RedisError) -> ScriptCall {
        do { return Script.heartbeat(settings, RedisArgument(worker.id), RedisArgument(try encoded(worker))) } catch {
            throw .unexpectedReply("a worker's record that cannot be written")
        }
    }
}

extension Claim {
    /// Job and token, for scripts.
    var arguments: (id: RedisArgument, token: RedisArgument) { (RedisArgument(job.id), RedisArgument(token)) }
}

extension LeaseStatus {
    /// Reads a script's answer.
    init(_ reply: RedisValue) throws(RedisError) {
        guard let status = reply.string.flatMap(LeaseStatus.init) else {
            throw .unexpectedReply("in place of a lease's status")
        }
        self = status
    }
}
