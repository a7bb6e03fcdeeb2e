import Foundation
import ServiceContract

// What changes nothing: each question is one command, however long the queue is.

/// How many jobs are where.
public struct QueueDepth: Sendable, Equatable, Codable {
    /// Waiting for a worker.
    public var waiting: Int
    /// Held by workers.
    public var inFlight: Int
    /// Out of attempts.
    public var dead: Int

    /// A depth of these counts.
    public init(waiting: Int, inFlight: Int, dead: Int) {
        self.waiting = waiting
        self.inFlight = inFlight
        self.dead = dead
    }
}

/// How fast the jobs were that were done last: medians over at most 50.
public struct QueuePace: Sendable, Equatable {
    /// Seconds that a job took.
    public var jobSeconds: Double?
    /// Seconds of work for a second of music.
    public var realTimeFactor: Double?

    /// A pace of its parts.
    public init(jobSeconds: Double? = nil, realTimeFactor: Double? = nil) {
        self.jobSeconds = jobSeconds
        self.realTimeFactor = realTimeFactor
    }

    /// Reads `milliseconds audio-seconds` of each job.
    init(_ entries: [RedisValue]) {
        let jobs = entries.compactMap { entry -> (seconds: Double, audio: Double)? in
            let parts = entry.string?.split(separator: " ").compactMap { Double($0) } ?? []
            return parts.count == 2 ? (parts[0] / 1000, parts[1]) : nil
        }
        func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }
        jobSeconds = median(jobs.map(\.seconds))
        realTimeFactor = median(jobs.filter { $0.audio > 0 }.map { $0.seconds / $0.audio })
    }

    /// Seconds until the job at this place is done, with so many workers.
    public func wait(position: Int, workers: Int) -> Double? {
        guard let jobSeconds, workers > 0 else { return nil }
        return (jobSeconds * Double((position + workers - 1) / workers)).rounded(.up)
    }

    /// Seconds until a running job is done: from its own progress, or before there is much of it from the others' speed.
    public func left(of job: Job, now: Date) -> Double? {
        guard let start = job.startedAt else { return nil }
        let elapsed = max(0, now.timeIntervalSince(start))
        if job.progress >= 0.05 { return (elapsed * (1 - job.progress) / job.progress).rounded(.up) }
        guard let realTimeFactor, let audio = job.audioSeconds else { return nil }
        return max(1, (realTimeFactor * audio - elapsed).rounded(.up))
    }
}

/// A job with what there is to say about when it will be done, read in one step.
public struct JobOutlook: Sendable {
    /// The job.
    public var job: Job
    /// Its place among all that wait, in the order in which they are taken; 1 is the next one out.
    public var position: Int?
    /// How many workers live.
    public var workers: Int
    /// Whether an operator has paused the autoscaler.
    public var isScalingPaused = false
    /// How fast jobs were done lately.
    public var pace: QueuePace
    /// What its callback was told, or is to be told.
    public var callbacks: [CallbackDelivery] = []
}

/// The queue as a whole, read in one step.
public struct QueueOverview: Sendable, Equatable {
    /// How many jobs are where.
    public var depth: QueueDepth
    /// How many workers live.
    public var workers: Int
    /// How fast jobs were done lately.
    public var pace: QueuePace
}

extension RedisJobQueue {
    /// The job, or `nil` if the queue does not know it.
    public func job(_ id: JobID) async throws -> Job? {
        let reply = try await pool.client.send(["HGETALL", RedisArgument(QueueKey.job(id))])
        guard let fields = reply.pairs else { throw RedisError.unexpectedReply("in place of job \(id)") }
        return fields.isEmpty ? nil : try Job(id: id, fields: fields)
    }

    /// The job with its place and the pace of the queue, or `nil` if the queue does not know it.
    public func outlook(for id: JobID) async throws -> JobOutlook? {
        let parts = try await pool.run(Script.outlook(RedisArgument(id))).array ?? []
        guard parts.count == 6, let fields = parts[0].pairs, let workers = parts[2].integer, let pace = parts[3].array
        else { throw RedisError.unexpectedReply("in place of job \(id)") }
        guard !fields.isEmpty else { return nil }
        return JobOutlook(
            job: try Job(id: id, fields: fields), position: parts[1].integer.flatMap { $0 > 0 ? Int($0) : nil },
            workers: Int(workers), isScalingPaused: parts[5].string == "1", pace: QueuePace(pace),
            callbacks: try Self.messages(parts[4]).map(\.delivery))
    }

    /// The place of a waiting job among all owners' songs, 1 being the next one out; `nil` if it does not wait.
    public func position(of id: JobID) async throws -> Int? {
        try await pool.run(Script.position(RedisArgument(id))).integer.flatMap { $0 > 0 ? Int($0) : nil }
    }

    /// How many jobs are where.
    public func depth() async throws -> QueueDepth { try await overview().depth }

    /// How many jobs are where, how many workers live, and how fast they are.
    public func overview() async throws -> QueueOverview {
        let parts = try await pool.run(Script.overview()).array ?? []
        guard parts.count == 5, let pace = parts[4].array else {
            throw RedisError.unexpectedReply("in place of the queue")
        }
        let counts = parts.prefix(4).compactMap(\.integer).map { Int($0) }
        guard counts.count == 4 else { throw RedisError.unexpectedReply("in place of the queue") }
        return QueueOverview(
            depth: QueueDepth(waiting: counts[0], inFlight: counts[1], dead: counts[2]), workers: counts[3],
            pace: QueuePace(pace))
    }

    /// The workers that gave a sign of life within two leases, or a minute if that is longer, by id.
    public func workers() async throws -> [WorkerRecord] {
        let reply = try await pool.run(Script.livingWorkers())
        guard let texts = reply.array else { throw RedisError.unexpectedReply("in place of the workers") }
        return try texts.compactMap(\.string).map { try decoded(WorkerRecord.self, $0, of: "a worker") }
            .sorted { $0.id < $1.id }
    }

    /// The file names of `jobs`, in one step; those of jobs that the queue does not know are left out.
    public func filenames(of jobs: some Sequence<JobID>) async throws -> [JobID: String] {
        let ids = Array(jobs)
        guard !ids.isEmpty else { return [:] }
        let reply = try await pool.run(ScriptCall(script: .filenames, arguments: ids.map { RedisArgument($0) }))
        guard let names = reply.array, names.count == ids.count else {
            throw RedisError.unexpectedReply("in place of file names")
        }
        return Dictionary(zip(ids, names).compactMap { id, name in name.string.map { (id, $0) } }) { $1 }
    }
}

extension RedisJobQueue {
    /// Stores what the workers separate with, as JSON without an end.
    public func publish(_ offers: OfferedModels) async throws {
        _ = try await pool.client.send(["SET", RedisArgument(QueueKey.offers), RedisArgument(try encoded(offers))])
    }

    /// What the workers separate with; `nil` before the first has started.
    public func offers() async throws -> OfferedModels? {
        guard let text = try await pool.client.send(["GET", RedisArgument(QueueKey.offers)]).string else { return nil }
        return try decoded(OfferedModels.self, text, of: "the offers")
    }
}

extension Script {
    /// `position(id)`: the place of a waiting job, or 0. The same sums as those by which `take` goes: a song is taken at
    /// its owner's turn plus one stride for each song before it; equal turns go by the owner's name.
    static let positionStep = #"""
        local function is_before(one, other)
            for index = 1, math.min(#one, #other) do
                local a, b = one:byte(index), other:byte(index)
                if a ~= b then return a < b end
            end
            return #one < #other
        end

        local function position(id)
            local owner = owner_of(id)
            local ahead = redis.call('ZRANK', line_key(owner), id)
            if not ahead then return 0 end
            local stride, priority, turn = part_of(owner)
            local mine = turn + ahead * stride
            for _, other in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
                if other ~= owner then
                    local step, level, start = part_of(other)
                    local songs = redis.call('ZCARD', line_key(other))
                    if level == priority and start <= mine then
                        local earlier = math.ceil((mine - start) / step)
                        if (mine - start) % step == 0 and is_before(other, owner) then earlier = earlier + 1 end
                        ahead = ahead + math.min(earlier, songs)
                    elseif level > priority then
                        ahead = ahead + songs
                    end
                end
            end
            return ahead + 1
        end

        """#

    /// Arguments: id. Returns the position, or 0.
    static let position = Script(positionStep + "return position(ARGV[1])")

    private static let livingStep = #"""
        local function living()
            local found = {}
            for _, entry in ipairs(redis.call('HVALS', workers)) do
                if now - cjson.decode(entry).heartbeat <= math.max(2 * rules.lease, 60000) then
                    found[#found + 1] = entry
                end
            end
            return found
        end

        """#

    /// Arguments: id. Returns `{fields and values, position or 0, number of workers, the pace, messages to its callback,
    /// 1 while scaling is paused}`.
    static let outlook = Script(
        positionStep + livingStep + messagesStep + #"""
            local id = ARGV[1]
            local job = redis.call('HGETALL', job_key(id))
            return {job, #job > 0 and position(id) or 0, #living(), redis.call('LRANGE', pace, 0, -1), messages_of(id),
                redis.call('HGET', '\#(QueueKey.autoscaler)', 'paused')}
            """#)

    /// Returns `{waiting, in flight, dead, number of workers, the pace}`.
    static let overview = Script(
        livingStep + #"""
            local waiting = 0
            for _, owner in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
                waiting = waiting + redis.call('ZCARD', line_key(owner))
            end
            return {waiting, redis.call('ZCARD', leases), redis.call('ZCARD', dead), #living(),
                redis.call('LRANGE', pace, 0, -1)}
            """#)

    /// The records of the workers that live.
    static let livingWorkers = Script(livingStep + "return living()")

    /// The file names of jobs, an empty reply for one that is not known.
    ///
    /// Arguments: the ids.
    static let filenames = Script(
        #"""
        local found = {}
        for index, id in ipairs(ARGV) do found[index] = field(id, 'filename') end
        return found
        """#)
}
