import Foundation
import ServiceContract

/// The board in Redis on which the autoscaler, its operator and the workers leave word for each other.
///
/// The hash `{msaas}:autoscaler` holds `record` (JSON), `decided_at` (milliseconds), `paused` (`1`) and `override` (a
/// number); a field that is missing says "none", "no" or "none". `function:NAME` holds, for each function that is scaled, when
/// it was decided on (milliseconds), a space and its record (JSON). The hash `{msaas}:drain` holds, for each worker that is
/// to drain, who asked.
///
/// A worker takes part like this: when it starts it withdraws all marks that bear its name (a restarted container has
/// the name of the one before); before each claim and with each heartbeat it looks for a mark; while there is one it
/// claims nothing and says ``WorkerRecord/State/draining`` in its heartbeat, which is how everybody knows that the mark
/// has taken effect. What else it does depends on the ``DrainOrigin``.
///
/// Calls throw ``RedisError``, as those of ``RedisJobQueue``.
public struct RedisAutoscalerBoard: Sendable {
    private let pool: RedisPool

    /// The board beside `queue`, over its connections.
    public init(queue: RedisJobQueue) {
        pool = queue.pool
    }

    // MARK: - The autoscaler's word

    /// Replaces the record. What the operator asked for stays.
    public func publish(_ record: AutoscalerRecord) async throws {
        _ = try await pool.run(Script.publishDecision(RedisArgument(try encoded(record))))
    }

    /// Replaces a function's record. Those that nobody has said anything of for a while are forgotten.
    public func publish(_ record: FunctionRecord) async throws {
        _ = try await pool.run(
            Script.publishFunction(RedisArgument(record.name), RedisArgument(try encoded(record))))
    }

    /// What the autoscaler last said; `nil` when none has ever run.
    public func read() async throws -> AutoscalerRecord? { try await status().record }

    // MARK: - The operator's word

    /// Asks for something; it is in force until it is taken back.
    public func setControl(_ request: AutoscalerControl.Request) async throws {
        let command: [RedisArgument] =
            switch request {
            case .pause: ["HSET", RedisArgument(QueueKey.autoscaler), "paused", "1"]
            case .resume: ["HDEL", RedisArgument(QueueKey.autoscaler), "paused"]
            case .override(let count):
                ["HSET", RedisArgument(QueueKey.autoscaler), "override", RedisArgument(max(0, count))]
            case .clear: ["HDEL", RedisArgument(QueueKey.autoscaler), "paused", "override"]
            }
        _ = try await pool.client.send(command)
    }

    /// What the operator has asked for.
    public func control() async throws -> AutoscalerControl { try await status().control }

    // MARK: - Draining

    /// Asks a worker to claim no more. An operator's mark is stronger than the autoscaler's, and stays.
    public func requestDrain(_ worker: String, by origin: DrainOrigin) async throws {
        let verb: RedisArgument = origin == .operator ? "HSET" : "HSETNX"
        _ = try await pool.client.send([
            verb, RedisArgument(QueueKey.drain), RedisArgument(worker), RedisArgument(origin.rawValue),
        ])
    }

    /// Who asked the worker to drain; `nil` when nobody did.
    public func drainRequest(of worker: String) async throws -> DrainOrigin? {
        let reply = try await pool.client.send(["HGET", RedisArgument(QueueKey.drain), RedisArgument(worker)])
        return reply.string.map { DrainOrigin(rawValue: $0) ?? .autoscaler }
    }

    /// Takes the mark of `origin` back, or with `nil` whatever mark there is.
    public func withdrawDrain(_ worker: String, by origin: DrainOrigin? = nil) async throws {
        _ = try await pool.run(
            Script.withdrawDrain(RedisArgument(worker), RedisArgument(origin?.rawValue ?? "")))
    }

    // MARK: - All of it

    /// Everything on the board, in one step.
    public func status() async throws -> AutoscalerStatus {
        let reply = try await pool.run(Script.autoscalerStatus())
        guard let parts = reply.array, parts.count == 3, let fields = parts[0].pairs, let drains = parts[1].pairs,
            let now = parts[2].integer
        else { throw RedisError.unexpectedReply("in place of the autoscaler's status") }
        var record = try fields["record"].map { try decoded(AutoscalerRecord.self, $0, of: "the autoscaler") }
        if let text = fields["decided_at"], let milliseconds = Double(text) {
            record?.decidedAt = Date(milliseconds: milliseconds)
        }
        // One that another release has written is left out: it must not keep anybody from the rest.
        let functions = fields.filter { $0.key.hasPrefix("function:") }.compactMap { _, text -> FunctionRecord? in
            let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
            var function = try? decoded(FunctionRecord.self, parts.last ?? "", of: "a function")
            if let milliseconds = Double(parts.first ?? "") { function?.decidedAt = Date(milliseconds: milliseconds) }
            return function
        }
        return AutoscalerStatus(
            record: record, functions: functions.sorted { $0.name < $1.name },
            control: AutoscalerControl(
                isPaused: fields["paused"] == "1", override: fields["override"].flatMap { Int($0) }),
            drains: drains.mapValues { DrainOrigin(rawValue: $0) ?? .autoscaler },
            time: Date(milliseconds: Double(now)))
    }
}

extension Script {
    /// Stores the autoscaler's record with the time of Redis.
    ///
    /// Arguments: record (JSON).
    static let publishDecision = Script(
        "redis.call('HSET', '\(QueueKey.autoscaler)', 'record', ARGV[1], 'decided_at', now) return 1")

    /// Stores a function's record with the time of Redis, and removes those older than ten minutes.
    ///
    /// Arguments: name, record (JSON).
    static let publishFunction = Script(
        """
        redis.call('HSET', '\(QueueKey.autoscaler)', 'function:' .. ARGV[1], now .. ' ' .. ARGV[2])
        local fields = redis.call('HGETALL', '\(QueueKey.autoscaler)')
        for i = 1, #fields, 2 do
            local at = string.match(fields[i + 1], '^(%d+) ')
            if string.sub(fields[i], 1, 9) == 'function:' and (tonumber(at) or 0) < now - 600000 then
                redis.call('HDEL', '\(QueueKey.autoscaler)', fields[i])
            end
        end
        return 1
        """)

    /// The autoscaler's hash, the hash of drain marks, and the time.
    static let autoscalerStatus = Script(
        "return {redis.call('HGETALL', '\(QueueKey.autoscaler)'), redis.call('HGETALL', '\(QueueKey.drain)'), now}")

    /// Takes a drain mark back, if it is of the origin that is named, or if none is named.
    ///
    /// Arguments: worker, origin or nothing.
    static let withdrawDrain = Script(
        """
        local worker, origin = unpack(ARGV)
        if origin == '' or redis.call('HGET', '\(QueueKey.drain)', worker) == origin then
            redis.call('HDEL', '\(QueueKey.drain)', worker)
        end
        return 1
        """)
}
