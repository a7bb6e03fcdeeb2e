import Digests
import Foundation
import ServiceContract

// Into the queue: enqueue, reject, and what an object that comes again means.
//
// A job is one write of an object with one set of options. An object under a key of its own, `{job}/{filename}`, names its
// job, so a later write to the same key is the same job again: it is taken back to its beginning when it had failed, died
// or been cancelled, or when the bytes or options are others; else nothing changes. Every other write gets an id derived
// from bucket, key, version and options. In both cases an event that comes twice changes nothing.

/// What ``RedisJobQueue/enqueue(_:under:)`` did.
public enum EnqueueOutcome: Sendable, Equatable {
    /// The job waits at this position; 1 is the next one out.
    case enqueued(position: Int)
    /// The queue knew a job of this id, in this state; with the object's new write it begins anew and waits here.
    case readmitted(position: Int, after: JobState)
    /// The queue has this job already; nothing was changed.
    case alreadyKnown(JobState)
    /// Its owner has used what it may; nothing was changed.
    case overQuota(OverQuota)
}

extension RedisJobQueue {
    /// Puts a job at the end of its owner's line, unless this write of the object is known already.
    public func enqueue(_ job: Job, under policy: OwnerPolicy = OwnerPolicy()) async throws -> EnqueueOutcome {
        let arguments = try Self.arguments(job) + policy.arguments
        let reply = try await pool.run(ScriptCall(script: .enqueue, arguments: arguments))
        if let over = OverQuota(reply) { return .overQuota(over) }
        let parts = reply.array ?? []
        let state = parts.dropFirst().first?.string.flatMap { JobState(rawValue: $0) }
        let position = parts.last?.integer.map { Int($0) }
        switch (parts.first?.string, state, position) {
        case ("enqueued", _, let position?): return .enqueued(position: position)
        case ("readmitted", let state?, let position?): return .readmitted(position: position, after: state)
        case ("known", let state?, _): return .alreadyKnown(state)
        default: throw RedisError.unexpectedReply("to enqueue")
        }
    }

    /// Records a job that cannot be done (its options are wrong, its object is too large, …) as failed, without ever
    /// queueing it. A job that is known and not done fails with it if this is a new write of its object.
    ///
    /// - Parameter reason: a sentence for the job's owner.
    /// - Returns: the job's state now.
    @discardableResult public func reject(_ job: Job, reason: String) async throws -> JobState {
        let arguments = try Self.arguments(job) + [RedisArgument(reason)]
        let reply = try await pool.run(ScriptCall(script: .reject, arguments: arguments))
        guard let state = reply.string.flatMap({ JobState(rawValue: $0) }) else {
            throw RedisError.unexpectedReply("to reject")
        }
        return state
    }

    /// Which of these writes of objects the queue has heard of, in the order in which they are given; one command for all.
    public func knows(_ writes: [ObjectWrite]) async throws -> [Bool] {
        guard !writes.isEmpty else { return [] }
        let keys = writes.map { RedisArgument(QueueKey.write($0.digest)) }
        let reply = try await pool.client.send(["MGET"] + keys)
        guard let values = reply.array, values.count == writes.count else {
            throw RedisError.unexpectedReply("in place of writes")
        }
        return values.map { $0 != .null }
    }

    /// Notes that a write of an object is known as a job, so that ``knows(_:)`` says so.
    public func note(_ write: ObjectWrite, as job: JobID) async throws {
        _ = try await pool.run(Script.note(RedisArgument(QueueKey.write(write.digest)), RedisArgument(job)))
    }

    private static func arguments(_ job: Job) throws -> [RedisArgument] {
        [
            RedisArgument(job.id), RedisArgument(job.bucket), RedisArgument(job.key), RedisArgument(job.filename),
            RedisArgument(try encoded(job.options)), job.audioSeconds.map { RedisArgument($0) } ?? "",
            RedisArgument(job.owner ?? ""), RedisArgument(job.write?.eTag ?? ""),
            RedisArgument(job.write?.version ?? ""), RedisArgument(job.write?.size ?? 0),
            RedisArgument(job.write.map { QueueKey.write($0.digest) } ?? ""), RedisArgument(job.asked),
            RedisArgument(job.trace ?? ""), job.budget.isEmpty ? "" : RedisArgument(try encoded(job.budget)),
        ]
    }
}

extension Script {
    /// What enqueue and reject share: their arguments, and what the job is to the queue.
    private static let admission =
        asideSteps + #"""
            local id, bucket, key, filename, options, seconds, owner, etag, version, bytes, write,
                asked, trace, budget = unpack(ARGV, 1, 14)

            -- Whether this write of the object is news of a job in this state.
            local function is_news(state)
                local is_same_song = field(id, 'etag') == etag and field(id, 'asked') == asked
                if version == '' then return false end
                if state == 'failed' or state == 'dead' or state == 'cancelled' then
                    return field(id, 'version') ~= version or field(id, 'asked') ~= asked
                end
                return not is_same_song and not field(id, 'sealed')
            end

            -- The object is known: by its write, and no longer as one that could not be taken in.
            local function note_write()
                if write ~= '' then redis.pcall('SET', write, id, 'PX', 2 * rules.retention) end
                settle_aside(aside_name(bucket, key))
            end

            local function store()
                redis.call('HSET', job_key(id), 'bucket', bucket, 'key', key, 'filename', filename, 'options', options,
                    'asked', asked, 'trace', trace, 'budget', budget, 'owner', owner, 'etag', etag, 'version', version,
                    'bytes', bytes, 'progress', '0', 'created_at', now)
                redis.call('HDEL', job_key(id), 'audio_seconds')
                for _, index in ipairs(owner == '' and {recent} or {recent, recent_of(owner)}) do
                    redis.call('ZADD', index, now, id)
                    redis.call('ZREMRANGEBYRANK', index, 0, -rules.recent - 1)
                end
                note_write()
            end

            """#

    /// Puts a job at the end of its owner's line unless it is known.
    ///
    /// Arguments: id, bucket, key, filename, options (JSON), audio seconds (or empty), owner (empty: nobody), entity tag,
    /// version, bytes, key of the write (the last four empty when they are not known), options as asked for, place in a trace
    /// (or empty), budget (JSON or empty), weight, priority, limits.
    /// Returns `{'enqueued', '', position}`, `{'readmitted', state before, position}`, `{'known', state}` or
    /// `{'over', limit, allowed, milliseconds}`.
    static let enqueue = Script(
        admission + quotaStep + positionStep + #"""
            local weight, priority, max_waiting, bytes_per_day, seconds_per_day = unpack(ARGV, 15)
            local state = field(id, 'state')
            if state and not is_news(state) then
                note_write()
                return {'known', state}
            end
            -- A waiting job whose object was replaced keeps its place.
            if state == 'queued' and owner_of(id) == owner then
                store()
                record('enqueued', id, 'message', filename)
                return {'readmitted', state, position(id)}
            end
            local over = over_quota(owner, tonumber(bytes), max_waiting, bytes_per_day, seconds_per_day)
            if over then return over end

            redis.call('HSET', owner_key(owner), 'weight', weight, 'priority', priority)
            redis.call('PEXPIRE', owner_key(owner), 30 * 86400000)
            if state then
                unline(id)
                release(id)
                begin_anew(id)
            end
            store()
            if not state then redis.call('HSET', job_key(id), 'attempts', '0', 'token', '0', 'returns', '0') end
            use(owner, tonumber(bytes), 0)
            measure(id, seconds)
            requeue(id, 'last')
            record('enqueued', id, 'message', filename)
            return {state and 'readmitted' or 'enqueued', state or '', position(id)}
            """#)

    /// Notes which job a write is. Arguments: key of the write, id.
    static let note = Script("redis.call('SET', ARGV[1], ARGV[2], 'PX', 2 * rules.retention) return 1")

    /// Records a job that cannot be done as failed, unless it is known and this is no news of it, or it is done.
    ///
    /// Arguments: as those of ``enqueue`` up to the budget, then the reason. Returns the job's state afterwards.
    static let reject = Script(
        admission + #"""
            local reason = ARGV[15]
            local state = field(id, 'state')
            if state and (state == 'done' or not is_news(state)) then
                note_write()
                return state
            end
            if state then
                unline(id)
                release(id)
                redis.call('ZREM', dead, id)
            end
            store()
            if not state then redis.call('HSET', job_key(id), 'attempts', '0', 'token', '0', 'returns', '0') end
            redis.call('HSET', job_key(id), 'error', reason, 'rejected', '1')
            finish(id, 'failed')
            record('failed', id, 'message', reason)
            return 'failed'
            """#)
}

/// One write of an object: what tells it apart from every other write under the same key.
public struct ObjectWrite: Sendable, Equatable, Codable {
    /// The bucket.
    public var bucket: String
    /// The key, not escaped.
    public var key: String
    /// The entity tag, without quotes.
    public var eTag: String
    /// The version, where the bucket has versions.
    public var versionID: String?
    /// When it was written; whole seconds count, which is what every answer of a storage has.
    public var lastModified: Date?
    /// Bytes.
    public var size: Int

    /// A write of its parts; quotes around the entity tag do not matter.
    public init(
        bucket: String, key: String, eTag: String, versionID: String? = nil, lastModified: Date? = nil, size: Int = 0
    ) {
        self.bucket = bucket
        self.key = key
        self.eTag = eTag.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        self.versionID = versionID
        self.lastModified = lastModified
        self.size = size
    }

    /// What changes with every write: the version, or else entity tag and time.
    public var version: String {
        if let versionID, !versionID.isEmpty, versionID != "null" { return versionID }
        let seconds = lastModified.map { String(Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) ?? 0) }
        return "\(eTag)@\(seconds ?? "")"
    }

    /// Names the write by what a listing tells of it, which has neither version nor options.
    var digest: String {
        let seconds = lastModified.map { String(Int64(exactly: $0.timeIntervalSince1970.rounded(.down)) ?? 0) }
        let text = [bucket, key, eTag, seconds ?? ""].map { "\($0.utf8.count):\($0)" }.joined()
        return Hash.digest(.sha256, Array(text.utf8)).prefix(16).hex
    }
}
