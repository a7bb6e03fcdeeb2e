import ServiceContract

// How work ends: commit, fail, give back; and what people do to a job: cancel, retry, remove.

/// Why a worker gives a job back. The attempt is not spent in any case.
public enum GivingBack: Sendable, Equatable {
    /// It drains, or the storage is away for everybody: the job is the next one out again.
    case interrupted
    /// It cannot work at present (its temporary folder is gone, …), which is not the job's fault: the job waits behind
    /// the others.
    case unfit(reason: String)
    /// It has no room for the song and its stems: the job waits behind the others, and fails with a sentence once that
    /// has happened as often as ``QueueRule/returns`` says.
    case noRoom(reason: String)
}

/// What ``RedisJobQueue/cancel(_:)`` did.
public enum CancelOutcome: Sendable, Equatable {
    /// The job is cancelled, now or since earlier; a worker that was on it stops within its next renewal.
    case cancelled
    /// It was finished before; nothing was changed.
    case alreadyFinished(JobState)
    /// The queue has no such job.
    case unknown
}

extension RedisJobQueue {
    /// Marks the job as done; its hash expires after the retention. Repeating it is harmless.
    public func commit(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus {
        let arguments = claim.arguments + [RedisArgument(try encoded(manifest)), RedisArgument(manifest.duration)]
        return try LeaseStatus(await pool.run(ScriptCall(script: .commit, arguments: arguments)))
    }

    /// Ends the attempt. With `retry` the job waits again, behind its owner's others, until its attempts are spent, and is
    /// dead then; without it the job has failed.
    ///
    /// - Parameter reason: a sentence for the job's owner.
    /// - Returns: the job's state now; whatever it is when the lease was lost.
    public func fail(_ claim: Claim, reason: String, retry: Bool) async throws -> JobState {
        try await state(
            after: ScriptCall(
                script: .fail, arguments: claim.arguments + [RedisArgument(reason), retry ? "1" : "0"]))
    }

    /// Puts the job back without spending the attempt. A sealed job is left for ``unpublished()``.
    ///
    /// - Returns: the job's state now; whatever it is when the lease was lost.
    @discardableResult public func giveBack(_ claim: Claim, _ cause: GivingBack = .interrupted) async throws -> JobState
    {
        let (place, counts, reason): (RedisArgument, RedisArgument, String) =
            switch cause {
            case .interrupted: ("next", "0", "")
            case .unfit(let reason): ("last", "0", reason)
            case .noRoom(let reason): ("last", "1", reason)
            }
        let arguments = claim.arguments + [place, counts, RedisArgument(reason)]
        return try await state(after: ScriptCall(script: .giveBack, arguments: arguments))
    }

    private func state(after call: ScriptCall) async throws -> JobState {
        guard let state = try await pool.run(call).string.flatMap({ JobState(rawValue: $0) }) else {
            throw RedisError.unexpectedReply("in place of a job's state")
        }
        return state
    }

    /// Cancels a job that waits, runs or is dead.
    public func cancel(_ id: JobID) async throws -> CancelOutcome {
        let reply = try await pool.run(Script.cancel(RedisArgument(id)))
        switch reply.string.flatMap({ JobState(rawValue: $0) }) {
        case nil: return .unknown
        case .done: return .alreadyFinished(.done)
        case .failed: return .alreadyFinished(.failed)
        case .awaitingUpload, .uploaded, .queued, .running, .dead, .cancelled: return .cancelled
        }
    }

    /// Puts a job that is dead or has failed back at the end of its line with all attempts ahead of it; with `nil` all dead
    /// ones, the one that died first in front. One that was never taken in, since its options or its file are wrong, stays
    /// failed: only a new write of its object can help.
    ///
    /// - Returns: the jobs that wait again.
    @discardableResult public func retry(_ id: JobID?) async throws -> [JobID] {
        try JobID.list(await pool.run(Script.retry(RedisArgument(id?.description ?? ""))))
    }

    /// Forgets a job, whatever its state; a worker that was on it stops.
    public func remove(_ id: JobID) async throws { _ = try await pool.run(Script.remove(RedisArgument(id))) }
}

extension JobID {
    /// Reads a script's answer.
    static func list(_ reply: RedisValue) throws(RedisError) -> [JobID] {
        guard let values = reply.array else { throw .unexpectedReply("in place of job ids") }
        return values.compactMap { $0.string.flatMap { JobID($0) } }
    }
}

extension Script {
    /// Marks a job as done. Repeating it with the token that did so is answered with `held` again.
    ///
    /// Arguments: id, token, manifest (JSON), audio seconds. Returns `held`, `lost` or `cancelled`.
    static let commit = Script(
        #"""
        local id, token, manifest, seconds = unpack(ARGV)
        local status = standing(id, token)
        if status ~= 'held' then
            if field(id, 'state') == 'done' and field(id, 'token') == token then return 'held' end
            return status
        end
        local sealed, started = field(id, 'sealed'), tonumber(field(id, 'started_at')) or now
        local worker = release(id)
        if not sealed then redis.call('HSET', job_key(id), 'manifest', manifest) end
        measure(id, seconds)
        redis.call('HSET', job_key(id), 'progress', '1')
        redis.call('HDEL', job_key(id), 'error')
        finish(id, 'done')
        redis.call('LPUSH', pace, whole(math.max(now - started, 1)) .. ' ' .. seconds)
        redis.call('LTRIM', pace, 0, 49)
        record('done', id, 'worker', worker, 'attempt', field(id, 'attempts'))
        return status
        """#)

    /// Ends an attempt that did not succeed.
    ///
    /// Arguments: id, token, reason, whether to try again (1 or 0). Returns the job's state afterwards (`cancelled` for a job
    /// that was removed), whether or not the claim still held it. A sealed job cannot fail any more.
    static let fail = Script(
        #"""
        local id, token, reason, again = unpack(ARGV)
        if standing(id, token) ~= 'held' or field(id, 'sealed') then return field(id, 'state') or 'cancelled' end
        local worker = release(id)
        if again == '0' then
            redis.call('HSET', job_key(id), 'error', reason)
            finish(id, 'failed')
            record('failed', id, 'worker', worker, 'attempt', field(id, 'attempts'), 'message', reason)
        else
            attempt_over(id, worker, 'last', 'retried', reason)
        end
        return field(id, 'state')
        """#)

    /// Makes a claimed job wait again as if the attempt had not been. A sealed job is left for whoever publishes it: its
    /// lease ends now.
    ///
    /// Arguments: id, token, place (`next` or `last`), whether it counts as a return (1 or 0), reason (or empty). Returns the
    /// job's state afterwards, as ``fail``.
    static let giveBack = Script(
        #"""
        local id, token, place, counts, reason = unpack(ARGV)
        if standing(id, token) ~= 'held' then return field(id, 'state') or 'cancelled' end
        if field(id, 'sealed') then
            redis.call('ZREM', leases, id)
            redis.call('ZADD', leases, now, id)
            return 'running'
        end
        local worker = release(id)
        redis.call('HINCRBY', job_key(id), 'attempts', -1)
        if reason ~= '' then redis.call('HSET', job_key(id), 'error', reason) end
        local returns = redis.call('HINCRBY', job_key(id), 'returns', counts)
        if counts == '1' and returns >= rules.returns then
            local sentence = reason .. ' No worker had room for it in ' .. returns .. ' tries.'
            redis.call('HSET', job_key(id), 'error', sentence)
            finish(id, 'failed')
            record('failed', id, 'worker', worker, 'message', sentence)
        else
            requeue(id, place)
            record('given-back', id, 'worker', worker, 'message', reason)
        end
        return field(id, 'state')
        """#)

    /// Cancels a job that waits, runs or is dead.
    ///
    /// Arguments: id. Returns the state it was in, or nothing for an unknown job.
    static let cancel = Script(
        #"""
        local id = ARGV[1]
        local state = field(id, 'state')
        if state == 'queued' or state == 'running' or state == 'dead' then
            unline(id)
            local worker = release(id)
            redis.call('ZREM', dead, id)
            finish(id, 'cancelled')
            record('cancelled', id, 'worker', worker)
        end
        return state
        """#)

    /// Puts jobs that are dead or have failed back into the queue.
    ///
    /// Arguments: id, or empty for all that are dead. Returns the ids of the jobs that wait again.
    static let retry = Script(
        #"""
        local revived = {}
        for _, id in ipairs(ARGV[1] ~= '' and {ARGV[1]} or redis.call('ZRANGE', dead, 0, -1)) do
            local state = field(id, 'state')
            if state == 'dead' or (state == 'failed' and not field(id, 'rejected')) then
                begin_anew(id)
                requeue(id, 'last')
                record('revived', id)
                revived[#revived + 1] = id
            else
                redis.call('ZREM', dead, id)
            end
        end
        return revived
        """#)

    /// Forgets a job.
    ///
    /// Arguments: id. Returns 1, or 0 for an unknown job.
    static let remove = Script(
        #"""
        local id = ARGV[1]
        if not field(id, 'state') then return 0 end
        local owner = owner_of(id)
        unline(id)
        local worker = release(id)
        redis.call('ZREM', dead, id)
        redis.call('ZREM', recent, id)
        redis.call('ZREM', recent_of(owner), id)
        record('removed', id, 'worker', worker)
        redis.call('DEL', job_key(id))
        return 1
        """#)
}
