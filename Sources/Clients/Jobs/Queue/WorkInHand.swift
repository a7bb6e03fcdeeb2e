import ServiceContract

// In a worker's hands: renew, report, seal, heartbeat. All but the heartbeat are refused to a claim whose lease ran out.

/// What became of a lease.
public enum LeaseStatus: String, Sendable, Equatable {
    /// It is still this claim's.
    case held
    /// It ran out, and the job is waiting, somebody else's, or finished: stop, and leave everything as it is.
    case lost
    /// The job was cancelled or removed: stop.
    case cancelled

    /// Reads a script's answer.
    init(_ reply: RedisValue) throws(RedisError) {
        guard let status = reply.string.flatMap({ LeaseStatus(rawValue: $0) }) else {
            throw .unexpectedReply("in place of a lease's status")
        }
        self = status
    }
}

extension RedisJobQueue {
    /// Renews the lease.
    public func renew(_ claim: Claim) async throws -> LeaseStatus {
        try LeaseStatus(await pool.run(ScriptCall(script: .renew, arguments: claim.arguments)))
    }

    /// Stores how far the work is, 0…1, and how long the song is in seconds; every twentieth of the work becomes an event.
    public func report(_ claim: Claim, progress: Double, audioSeconds: Double?) async throws -> LeaseStatus {
        try LeaseStatus(await pool.run(.report(claim, progress, audioSeconds)))
    }

    /// Fixes the outcome: from now on only this manifest can become the job's, and the job is not worked on again
    /// even if the worker goes away. The manifest is to be stored next, and then ``commit(_:manifest:)`` called.
    public func seal(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus {
        let arguments = claim.arguments + [RedisArgument(try encoded(manifest))]
        return try LeaseStatus(await pool.run(ScriptCall(script: .seal, arguments: arguments)))
    }

    /// Says that a worker lives.
    public func heartbeat(_ worker: WorkerRecord) async throws { _ = try await pool.run(.heartbeat(worker)) }

    /// Renewals and heartbeats for a plain thread, over a connection of its own.
    public func leaseLine() -> RedisLeaseLine { RedisLeaseLine(queue: self) }
}

/// What has to go on while a song is separated: renewals, reports and heartbeats, as blocking calls for a plain thread
/// with a connection of its own, which neither a busy cooperative pool nor a busy queue can hold up.
///
/// Not `Sendable`: make it on the thread that uses it. Every call is tried once, over a new connection if the last one
/// broke; the thread's next round is the retry.
public final class RedisLeaseLine {
    private let session: RedisSession

    /// A line to `queue`; it connects with the first call.
    init(queue: RedisJobQueue) {
        session = RedisSession(address: queue.address, timeouts: queue.options.timeouts, statement: queue.statement)
    }

    /// Renews the lease.
    public func renew(_ claim: Claim) throws(RedisError) -> LeaseStatus {
        try LeaseStatus(session.run(ScriptCall(script: .renew, arguments: claim.arguments)))
    }

    /// Stores how far the work is, 0…1, and how long the song is in seconds.
    public func report(_ claim: Claim, progress: Double, audioSeconds: Double?) throws(RedisError) -> LeaseStatus {
        try LeaseStatus(session.run(.report(claim, progress, audioSeconds)))
    }

    /// Says that a worker lives.
    ///
    /// - Returns: how long a lease lasts at present.
    public func heartbeat(_ worker: WorkerRecord) throws(RedisError) -> Duration {
        guard let lease = try session.run(.heartbeat(worker)).integer else {
            throw .unexpectedReply("to a heartbeat")
        }
        return .milliseconds(lease)
    }
}

extension ScriptCall {
    fileprivate static func report(_ claim: Claim, _ progress: Double, _ audioSeconds: Double?) -> ScriptCall {
        let bounded = progress.isFinite ? min(max(progress, 0), 1) : 0
        let seconds = audioSeconds.flatMap { $0.isFinite && $0 >= 0 ? RedisArgument($0) : nil } ?? ""
        return ScriptCall(script: .report, arguments: claim.arguments + [RedisArgument(bounded), seconds])
    }

    fileprivate static func heartbeat(_ worker: WorkerRecord) throws(RedisError) -> ScriptCall {
        do { return Script.heartbeat(RedisArgument(worker.id), RedisArgument(try encoded(worker))) } catch {
            throw .unexpectedReply("a worker's record that cannot be written")
        }
    }
}

extension Script {
    /// Renews a lease.
    ///
    /// Arguments: id, token. Returns `held`, `lost` or `cancelled`.
    static let renew = Script(
        #"""
        local id, token = unpack(ARGV)
        local status = standing(id, token)
        if status == 'held' then extend(id) end
        return status
        """#)

    /// Stores how far the work is, and logs every twentieth of it.
    ///
    /// Arguments: id, token, progress 0…1, audio seconds (or empty). Returns `held`, `lost` or `cancelled`.
    static let report = Script(
        #"""
        local id, token, progress, seconds = unpack(ARGV)
        local status = standing(id, token)
        if status ~= 'held' or field(id, 'sealed') then return status end
        local before = tonumber(field(id, 'progress')) or 0
        redis.call('HSET', job_key(id), 'progress', progress)
        measure(id, seconds)
        if math.floor(tonumber(progress) * 20) ~= math.floor(before * 20) then
            record('progress', id, 'progress', progress)
        end
        return status
        """#)

    /// Fixes a job's manifest, so that nobody works on the job again.
    ///
    /// Arguments: id, token, manifest (JSON). Returns `held`, `lost` or `cancelled`.
    static let seal = Script(
        #"""
        local id, token, manifest = unpack(ARGV)
        local status = standing(id, token)
        if status ~= 'held' then return status end
        extend(id)
        if not field(id, 'sealed') then
            redis.call('HSET', job_key(id), 'sealed', '1', 'manifest', manifest, 'progress', '1')
            record('sealed', id, 'worker', field(id, 'worker'))
        end
        return status
        """#)

    /// Stores a worker's record with the time of Redis.
    ///
    /// Arguments: worker, record (JSON). Returns the milliseconds of a lease.
    static let heartbeat = Script(
        #"""
        local worker, text = unpack(ARGV)
        redis.call('HDEL', workers, worker)
        redis.call('HSET', workers, worker, stamped(text))
        return rules.lease
        """#)
}
