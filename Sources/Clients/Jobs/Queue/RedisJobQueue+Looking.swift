import Foundation
import ServiceContract

/// What changes nothing, and what workers say about themselves.
extension RedisJobQueue {
    /// See ``JobQueue/job(_:)``; the hash `msaas:job:{id}`.
    public func job(_ id: JobID) async throws -> Job? {
        let reply = try await pool.client.send(["HGETALL", RedisArgument("msaas:job:\(id)")])
        guard let fields = reply.pairs else { throw RedisError.unexpectedReply("in place of job \(id)") }
        return fields.isEmpty ? nil : try Job(id: id, fields: fields)
    }

    /// See ``JobQueue/position(of:)``; costs a walk along the list.
    public func position(of id: JobID) async throws -> Int? {
        try await pool.run(Script.position(options.scripts, RedisArgument(id))).integer.map(Int.init)
    }

    /// See ``JobQueue/recent(limit:)``; the zset `msaas:recent`.
    public func recent(limit: Int) async throws -> [Job] {
        let reply = try await pool.run(Script.recentJobs(options.scripts, RedisArgument(limit)))
        guard let entries = reply.array else { throw RedisError.unexpectedReply("in place of jobs") }
        return try entries.map { try Job(entry: $0) }
    }

    /// See ``JobQueue/depth()``; one consistent look.
    public func depth() async throws -> QueueDepth {
        let reply = try await pool.run(Script.depth(options.scripts))
        guard let counts = reply.array?.compactMap(\.integer), counts.count == 3 else {
            throw RedisError.unexpectedReply("in place of the depth")
        }
        return QueueDepth(waiting: Int(counts[0]), inFlight: Int(counts[1]), dead: Int(counts[2]))
    }

    /// See ``JobQueue/heartbeat(_:)``; the hash `msaas:workers`.
    public func heartbeat(_ worker: WorkerRecord) async throws {
        _ = try await pool.run(.heartbeat(worker, options.scripts))
    }

    /// See ``JobQueue/workers()``: signs of life within two leases, or a minute if that is longer.
    public func workers() async throws -> [WorkerRecord] {
        let reply = try await pool.run(Script.workers(options.scripts))
        guard let texts = reply.array else { throw RedisError.unexpectedReply("in place of the workers") }
        return try texts.compactMap(\.string).map { try decoded(WorkerRecord.self, $0, of: "a worker") }
            .sorted { $0.id < $1.id }
    }

    /// See ``JobQueue/forget(worker:)``; a job that was moved to the worker's list and never begun waits again.
    public func forget(worker: String) async throws {
        _ = try await pool.run(Script.forget(options.scripts, RedisArgument(worker)))
    }

    /// See ``JobQueue/takeTurn(at:every:)``; the key `msaas:turn:{task}`.
    public func takeTurn(at task: String, every period: Duration) async throws -> Bool {
        let reply = try await pool.client.send([
            "SET", RedisArgument("msaas:turn:\(task)"), "1", "NX", "PX", RedisArgument(max(period.milliseconds, 1)),
        ])
        return reply.string == "OK"
    }
}
