import Foundation
import Pacing
import ServiceContract

// What has to be looked after: jobs whose worker is gone, sealed jobs that nobody published, turns at tasks of many, and
// objects that could not be taken in.

/// A job whose stems are stored, whose outcome is fixed, and whose worker went away before its manifest was stored.
public struct SealedJob: Sendable, Equatable {
    /// The right to publish it, under the token of the worker that sealed it.
    public let claim: Claim
    /// The manifest to store.
    public let manifest: Manifest

    /// A sealed job.
    public init(claim: Claim, manifest: Manifest) {
        self.claim = claim
        self.manifest = manifest
    }
}

extension RedisJobQueue {
    /// Puts the jobs of workers that are gone back into the queue, or among the dead when their attempts are spent: those
    /// whose lease ran out.
    ///
    /// A lease also runs out while Redis is down, frozen or unreachable, and its holder is not to blame. So when nobody has
    /// looked for half a lease (two rounds of the caller's or a second, if that is longer), nothing is recovered this time: every
    /// holder gets a whole lease to come back in.
    /// - Parameter every: how often the caller looks.
    /// - Returns: the jobs that were moved.
    @discardableResult public func recover(every: Duration = .zero) async throws -> [JobID] {
        try JobID.list(await pool.run(Script.recover(RedisArgument(every.milliseconds))))
    }

    /// Sealed jobs whose worker is gone, each with its lease renewed for the caller, who stores the manifest and
    /// commits.
    public func unpublished() async throws -> [SealedJob] {
        guard let entries = try await pool.run(Script.unpublished()).array else {
            throw RedisError.unexpectedReply("to unpublished")
        }
        return try entries.map { try SealedJob(entry: $0) }
    }

    /// Whether it is the caller's turn to do something that one of many should do now and then: `true` for one caller
    /// in each `period`.
    public func takeTurn(at task: String, every period: Duration) async throws -> Bool {
        let reply = try await pool.client.send([
            "SET", RedisArgument(QueueKey.turn(task)), "1", "NX", "PX", RedisArgument(max(period.milliseconds, 1)),
        ])
        return reply.string == "OK"
    }

    // MARK: - Objects set aside

    /// Notes that an object could not be taken in. After as many tries as ``QueueRule/tries`` says it is aside: nothing
    /// shall wait for it or try it again until somebody asks for that.
    ///
    /// - Returns: whether it is aside now.
    @discardableResult public func setAside(_ bucket: String, _ key: String, reason: String) async throws -> Bool {
        let reply = try await pool.run(
            Script.setAside(RedisArgument(bucket), RedisArgument(key), RedisArgument(reason)))
        return reply.integer == 1
    }

    /// Whether an object is aside.
    public func isAside(_ bucket: String, _ key: String) async throws -> Bool {
        try await pool.run(Script.isAside(RedisArgument(bucket), RedisArgument(key))).integer == 1
    }

    /// How many objects could not be taken in lately and are not aside yet.
    public func countTried(within period: Duration) async throws -> Int {
        Int(try await pool.run(Script.countTried(RedisArgument(period.milliseconds))).integer ?? 0)
    }

    /// Forgets what was noted about an object, since it is gone. One that is enqueued or rejected is forgotten by that.
    public func settleAside(_ bucket: String, _ key: String) async throws {
        _ = try await pool.run(Script.settleAside(RedisArgument(bucket), RedisArgument(key)))
    }

    /// The objects that are aside, those tried last in front.
    public func listAside(limit: Int = 100) async throws -> [AsideObject] {
        try Self.aside(await pool.run(Script.listAside(RedisArgument(limit))))
    }

    /// Takes objects (one, or all with `nil`) out from aside, for the caller to try again.
    public func retryAside(_ object: (bucket: String, key: String)? = nil) async throws -> [AsideObject] {
        let reply = try await pool.run(
            Script.retryAside(
                RedisArgument(object?.bucket ?? ""), RedisArgument(object?.key ?? ""), object == nil ? "1" : "0"))
        return try Self.aside(reply)
    }

    private static func aside(_ reply: RedisValue) throws -> [AsideObject] {
        guard let texts = reply.array else { throw RedisError.unexpectedReply("in place of objects set aside") }
        return try texts.compactMap(\.string).map { try decoded(AsideObject.self, $0, of: "an object set aside") }
    }
}

extension Script {
    /// Finds jobs whose lease ran out. The oldest is the next one out again; one that has spent its attempts is dead. The
    /// record of a worker without a sign of life for an hour is removed.
    ///
    /// Arguments: milliseconds between the caller's looks. Returns the ids of the jobs that were moved.
    static let recover = Script(
        #"""
        local last = tonumber(redis.call('GET', looked))
        redis.call('DEL', looked)
        redis.call('SET', looked, whole(now))
        if not last or now - last > math.max(rules.lease / 2, 2 * ARGV[1], 1000) then
            for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do extend(id) end
            return {}
        end
        local moved = {}
        local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)
        for index = #expired, 1, -1 do
            local id = expired[index]
            if field(id, 'state') ~= 'running' then
                redis.call('ZREM', leases, id)
            elseif not field(id, 'sealed') then
                local worker = release(id)
                attempt_over(id, worker, 'next', 'recovered', 'Worker ' .. worker .. ' went away during attempt '
                    .. field(id, 'attempts') .. ' of ' .. rules.attempts .. '.')
                moved[#moved + 1] = id
            end
        end
        local records = redis.call('HGETALL', workers)
        for index = 1, #records, 2 do
            if now - cjson.decode(records[index + 1]).heartbeat > 3600000 + 2 * rules.lease then
                redis.call('HDEL', workers, records[index])
                redis.call('HDEL', claims, records[index])
            end
        end
        return moved
        """#)

    /// Finds sealed jobs whose lease ran out, and renews the lease so that one caller at a time takes care of each.
    ///
    /// Returns `{id, fields and values}` for each.
    static let unpublished = Script(
        #"""
        local found = {}
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)) do
            if field(id, 'state') == 'running' and field(id, 'sealed') then
                extend(id)
                found[#found + 1] = {id, redis.call('HGETALL', job_key(id))}
            end
        end
        return found
        """#)

    static let asideSteps = #"""
        local function aside_name(bucket, key) return bucket .. '/' .. key end

        local function settle_aside(name)
            redis.call('HDEL', aside, name)
            redis.call('ZREM', aside_times, name)
        end

        local function is_aside(entry) return entry and cjson.decode(entry).tries >= rules.tries end

        """#

    /// Notes that an object could not be taken in; the 10,000 that were tried last are remembered.
    ///
    /// Arguments: bucket, key, reason. Returns 1 when it is aside now.
    static let setAside = Script(
        asideSteps + #"""
            local bucket, key, reason = unpack(ARGV)
            local name = aside_name(bucket, key)
            local entry = redis.call('HGET', aside, name)
            local tries = (entry and cjson.decode(entry).tries or 0) + 1
            entry = cjson.encode({bucket = bucket, key = key, reason = reason, tries = tries, lastTry = now})
            redis.call('HSET', aside, name, entry)
            redis.call('ZADD', aside_times, now, name)
            if redis.call('ZCARD', aside_times) > 10000 then settle_aside(redis.call('ZRANGE', aside_times, 0, 0)[1]) end
            return tries >= rules.tries and 1 or 0
            """#)

    /// Arguments: bucket, key. Returns 1 when it is aside.
    static let isAside = Script(
        asideSteps + #"""
            return is_aside(redis.call('HGET', aside, aside_name(ARGV[1], ARGV[2]))) and 1 or 0
            """#)

    /// Arguments: milliseconds. Returns how many were tried since then and are not aside; counts 1,000 at most.
    static let countTried = Script(
        asideSteps + #"""
            local count = 0
            for _, name in ipairs(redis.call('ZREVRANGEBYSCORE', aside_times, '+inf', now - ARGV[1], 'LIMIT', 0, 1000)) do
                if not is_aside(redis.call('HGET', aside, name)) then count = count + 1 end
            end
            return count
            """#)

    /// Arguments: bucket, key.
    static let settleAside = Script(asideSteps + "settle_aside(aside_name(ARGV[1], ARGV[2])) return 1")

    /// Arguments: how many at most. Returns the records of those that are aside, newest first.
    static let listAside = Script(
        asideSteps + #"""
            local found, limit = {}, tonumber(ARGV[1])
            for _, name in ipairs(redis.call('ZREVRANGE', aside_times, 0, -1)) do
                if #found >= limit then break end
                local entry = redis.call('HGET', aside, name)
                if is_aside(entry) then found[#found + 1] = entry end
            end
            return found
            """#)

    /// Takes objects out from aside.
    ///
    /// Arguments: bucket, key, whether all are meant (1 or 0). Returns their records.
    static let retryAside = Script(
        asideSteps + #"""
            local bucket, key, all = unpack(ARGV)
            local found = {}
            for _, name in ipairs(all == '1' and redis.call('ZRANGE', aside_times, 0, -1) or {aside_name(bucket, key)}) do
                local entry = redis.call('HGET', aside, name)
                if is_aside(entry) then
                    settle_aside(name)
                    found[#found + 1] = entry
                end
            end
            return found
            """#)
}
