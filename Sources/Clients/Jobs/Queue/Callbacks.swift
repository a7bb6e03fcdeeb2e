import Foundation
import ServiceContract

// What a job's callback is told: that the job has ended, and how.
//
// The message is made in the step in which the job ends (`tell` in the state machine), so there is no end without one and none
// without an end. It stands in `{msaas}:callbacks` at the time at which it is due. Whoever sends takes it for a while, by moving that
// time, and says then how it went; should he go away, it is due again. One that was delivered stands nowhere; one that was given up
// stands in `{msaas}:callbacks:failed` and can be sent again. Both are forgotten after the retention.

/// A message to a job's callback.
public struct CallbackMessage: Sendable, Equatable {
    /// The same with every try; a receiver tells by it whether it has the message already.
    public let id: String
    /// The job.
    public let job: JobID
    /// Whose job it is; `nil` when it is nobody's.
    public let owner: String?
    /// How the job ended.
    public let state: JobState
    /// Where it goes.
    public let address: String
    /// What it says, once it was sent for the first time.
    public let body: String?
    /// When the job ended.
    public let createdAt: Date
    /// How it goes with it.
    public let delivery: CallbackDelivery

    /// Reads the hash `{msaas}:callback:ID`.
    init(id: String, fields: [String: String]) throws(RedisError) {
        func text(_ name: String) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
        func date(_ name: String) -> Date? { fields[name].flatMap { Double($0) }.map { Date(milliseconds: $0) } }
        guard let job = fields["job"].flatMap({ JobID($0) }), let state = fields["state"].flatMap(JobState.init),
            let address = fields["address"], let created = date("created_at"),
            let standing = fields["standing"].flatMap(CallbackDelivery.Standing.init)
        else { throw .unexpectedReply("the message \(id) without one of its fields") }
        self.id = id
        self.job = job
        self.state = state
        self.address = address
        owner = text("owner")
        body = text("body")
        createdAt = created
        var delivery = CallbackDelivery(id: id, job: job, event: "job.\(state.rawValue)", standing: standing)
        delivery.tries = fields["tries"].flatMap { Int($0) } ?? 0
        delivery.status = fields["status"].flatMap { Int($0) }
        delivery.reason = text("reason")
        delivery.createdAt = created
        delivery.lastTry = date("last_try")
        delivery.nextTry = standing == .waiting ? date("next_try") : nil
        self.delivery = delivery
    }

    /// Reads `{id, fields and values}`.
    init(entry: RedisValue) throws(RedisError) {
        guard let parts = entry.array, parts.count == 2, let id = parts[0].string, let fields = parts[1].pairs else {
            throw .unexpectedReply("a message that cannot be read")
        }
        try self.init(id: id, fields: fields)
    }
}

/// How one try to deliver a message went.
public struct CallbackTry: Sendable {
    /// What follows from it.
    public enum Outcome: Sendable, Equatable {
        /// The receiver has it.
        case delivered
        /// It is tried again after this time.
        case again(Duration)
        /// It is given up until somebody asks for it.
        case failed
    }

    /// What follows.
    public var outcome: Outcome
    /// The status that was answered, if any was.
    public var status: Int?
    /// Why it did not go through, as a sentence.
    public var reason: String?
    /// What was sent.
    public var body: String

    /// A try.
    public init(_ outcome: Outcome, status: Int? = nil, reason: String? = nil, body: String) {
        (self.outcome, self.status, self.reason, self.body) = (outcome, status, reason, body)
    }
}

extension RedisJobQueue {
    /// Messages that are due, the one that is due for the longest time first. They are the caller's for `period`, and then due again
    /// unless he has settled them.
    public func takeCallbacks(limit: Int, for period: Duration) async throws -> [CallbackMessage] {
        let reply = try await pool.run(
            Script.takeCallbacks(RedisArgument(limit), RedisArgument(period.milliseconds)))
        return try Self.messages(reply)
    }

    /// Puts a message off that was taken and not tried.
    public func putOffCallback(_ id: String, for period: Duration) async throws {
        _ = try await pool.run(Script.putOffCallback(RedisArgument(id), RedisArgument(period.milliseconds)))
    }

    /// Writes down how a try went.
    public func settleCallback(_ id: String, _ result: CallbackTry) async throws {
        let (standing, pause): (CallbackDelivery.Standing, Duration) =
            switch result.outcome {
            case .delivered: (.delivered, .zero)
            case .again(let pause): (.waiting, pause)
            case .failed: (.failed, .zero)
            }
        _ = try await pool.run(
            Script.settleCallback(
                RedisArgument(id), RedisArgument(standing.rawValue), RedisArgument(pause.milliseconds),
                result.status.map { RedisArgument($0) } ?? "", RedisArgument(result.reason ?? ""),
                RedisArgument(result.body)))
    }

    /// Makes messages of a job due again: those that were given up or, without any, the last one.
    ///
    /// - Returns: the messages.
    public func resendCallbacks(of job: JobID) async throws -> [CallbackMessage] {
        try Self.messages(await pool.run(Script.resendCallbacks(RedisArgument(job))))
    }

    /// Messages that were given up, the last one first.
    public func failedCallbacks(of scope: JobScope, limit: Int = 100) async throws -> [CallbackMessage] {
        let all = try Self.messages(await pool.run(Script.failedCallbacks("1000")))
        let theirs = all.filter { message in
            switch scope {
            case .all: true
            case .owner(let name): message.owner == name
            case .job(let id): message.job == id
            }
        }
        return Array(theirs.prefix(limit))
    }

    /// Reads `{{id, fields and values}, …}`.
    static func messages(_ reply: RedisValue) throws(RedisError) -> [CallbackMessage] {
        guard let entries = reply.array else { throw .unexpectedReply("in place of messages") }
        var messages: [CallbackMessage] = []
        for entry in entries { messages.append(try CallbackMessage(entry: entry)) }
        return messages
    }
}

extension Script {
    /// `messages_of(job)`: `{{id, fields and values}, …}` of its last 20 messages.
    static let messagesStep = #"""
        local function messages_of(job)
            local found, last = {}, tonumber(field(job, 'messages')) or 0
            for number = math.max(1, last - 19), last do
                local id = job .. '-' .. whole(number)
                local fields = redis.call('HGETALL', callback_key(id))
                if #fields > 0 then found[#found + 1] = {id, fields} end
            end
            return found
        end

        """#

    /// Arguments: how many, for how many milliseconds.
    static let takeCallbacks = Script(
        #"""
        local found = {}
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', callbacks, '-inf', now, 'LIMIT', 0, ARGV[1])) do
            local fields = redis.call('HGETALL', callback_key(id))
            redis.call('ZREM', callbacks, id)
            if #fields > 0 then
                redis.call('ZADD', callbacks, whole(now + ARGV[2]), id)
                found[#found + 1] = {id, fields}
            end
        end
        return found
        """#)

    /// Arguments: message, for how many milliseconds.
    static let putOffCallback = Script(
        #"""
        if redis.call('ZREM', callbacks, ARGV[1]) == 0 then return 0 end
        redis.call('ZADD', callbacks, whole(now + ARGV[2]), ARGV[1])
        return 1
        """#)

    /// Arguments: message, standing, milliseconds until the next try, status, reason, body. One that is gone, or that was settled by
    /// another, stays so.
    static let settleCallback = Script(
        #"""
        local id, standing, pause, status, reason, body = unpack(ARGV)
        if redis.call('ZREM', callbacks, id) == 0 or redis.call('EXISTS', callback_key(id)) == 0 then return 0 end
        redis.call('HINCRBY', callback_key(id), 'tries', 1)
        redis.call('HSET', callback_key(id), 'standing', standing, 'status', status, 'reason', reason, 'body', body,
            'last_try', now, 'next_try', whole(now + pause))
        if standing == 'waiting' then redis.call('ZADD', callbacks, whole(now + pause), id) end
        if standing == 'failed' then redis.call('ZADD', failed_callbacks, now, id) end
        return 1
        """#)

    /// Arguments: job. Returns the messages that are due again.
    static let resendCallbacks = Script(
        messagesStep + #"""
            local all, again = messages_of(ARGV[1]), {}
            for _, message in ipairs(all) do
                if redis.call('ZSCORE', failed_callbacks, message[1]) then again[#again + 1] = message[1] end
            end
            if #again == 0 and #all > 0 then again = {all[#all][1]} end
            local found = {}
            for _, id in ipairs(again) do
                redis.call('ZREM', failed_callbacks, id)
                redis.call('HSET', callback_key(id), 'standing', 'waiting', 'tries', '0', 'next_try', now)
                redis.call('ZADD', callbacks, now, id)
                found[#found + 1] = {id, redis.call('HGETALL', callback_key(id))}
            end
            return found
            """#)

    /// Arguments: how many to look at. Those that were forgotten are taken out.
    static let failedCallbacks = Script(
        #"""
        local found = {}
        for _, id in ipairs(redis.call('ZREVRANGE', failed_callbacks, 0, ARGV[1] - 1)) do
            local fields = redis.call('HGETALL', callback_key(id))
            if #fields > 0 then found[#found + 1] = {id, fields} end
        end
        return found
        """#)
}
