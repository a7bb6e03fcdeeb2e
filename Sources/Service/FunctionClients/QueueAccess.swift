import EnvironmentSettings
import FunctionHost
import Jobs
import Logging
public import ServiceContract

/// The job queue as the functions use it.
public struct QueueAccess: Sendable {
    /// The queue.
    public let jobs: RedisJobQueue
    /// The log of what happens to jobs.
    public let events: RedisEventLog
    /// How the songs of an owner (`nil`: nobody's) take part.
    public var policy: @Sendable (_ owner: String?) -> OwnerPolicy = { _ in OwnerPolicy() }

    /// Access to `jobs`; with `keys` an owner takes part as its key says.
    public init(jobs: RedisJobQueue, keys: KeyRing? = nil) {
        self.jobs = jobs
        if let keys {
            policy = { name in name.flatMap { keys.client(named: $0) }.map { OwnerPolicy($0) } ?? OwnerPolicy() }
        }
        events = jobs.eventLog()
    }

    /// Reads `REDIS_URL` and the queue's rules; the functions of one process share the connections, which are made
    /// when they are first used.
    ///
    /// - Throws: an error that names the variable that is wrong.
    public init(environment: FunctionEnvironment) throws {
        self = try environment.shared {
            QueueAccess(
                jobs: try RedisJobQueue(
                    url: RedisSettings.reading(environment.variables).url,
                    options: QueueOptions(environment: environment.variables)),
                keys: environment.keys)
        }
    }

    /// Passes while Redis answers and can be relied on. Not required: uploads and finished stems are served without Redis.
    public var readinessCheck: ReadinessCheck {
        ReadinessCheck("redis", isRequired: false) { [jobs] in try await jobs.health().check() }
    }
}

extension OwnerPolicy {
    /// What a key says of its owner.
    init(_ key: APIKey) {
        let quota = key.quota
        self.init(
            weight: quota.weight, priority: quota.priority, maxWaiting: quota.maxWaiting,
            bytesPerDay: quota.bytesPerDay, secondsPerDay: quota.secondsPerDay.map(Double.init),
            budget: key.budget)
    }
}

extension Caller {
    /// What the sender of a request may see: on a host without keys everything, with a key its own, with an admin's all.
    public var viewer: Viewer {
        switch self {
        case .anybody, .tokenHolder: .everybody
        case .key(let key): key.isAdmin ? .admin : .owner(key.name)
        case .guest(let job): .guest(job)
        }
    }
}

/// Knows about how long the queue is, without making anybody wait for Redis.
///
/// A reading is used for a second; whoever comes later has the next one made beside his own work. While Redis cannot be
/// asked, the last reading goes on counting for a while, and then there is none.
public actor QueueGauge {
    /// What was seen in the queue.
    public struct Reading: Sendable, Equatable {
        /// Songs that no worker has claimed.
        public var waiting: Int
        /// Workers that live.
        public var workers: Int
        /// Seconds that a job takes; nil when none was done lately.
        public var jobSeconds: Double?
        /// What the workers separate with; nil before the first has said so.
        public var offers: OfferedModels?

        /// A reading of its parts.
        public init(waiting: Int, workers: Int, jobSeconds: Double? = nil, offers: OfferedModels? = nil) {
            self.waiting = waiting
            self.workers = workers
            self.jobSeconds = jobSeconds
            self.offers = offers
        }

        /// Seconds until `count` of the waiting songs are done; nil when that cannot be told.
        public func wait(for count: Int) -> Double? {
            guard let jobSeconds, workers > 0 else { return nil }
            return (jobSeconds * Double((max(count, 1) + workers - 1) / workers)).rounded(.up)
        }
    }

    private static let freshness = Duration.seconds(1)

    private let look: @Sendable () async throws -> Reading
    private let logger: Logger
    private let memory: Duration
    private var latest: (reading: Reading, time: ContinuousClock.Instant)?
    private var lastLook: ContinuousClock.Instant?
    private var isLooking = false

    /// A gauge of `queue`; while Redis is away a reading counts for `memory`.
    public init(queue: QueueAccess, logger: Logger, memory: Duration = .seconds(30)) {
        self.init(logger: logger, memory: memory) { [jobs = queue.jobs] in
            let seen = try await jobs.overview()
            return Reading(
                waiting: seen.depth.waiting, workers: seen.workers, jobSeconds: seen.pace.jobSeconds,
                offers: try await jobs.offers())
        }
    }

    /// A gauge that looks with `look`.
    package init(
        logger: Logger, memory: Duration = .seconds(30), look: @escaping @Sendable () async throws -> Reading
    ) {
        self.look = look
        self.logger = logger
        self.memory = memory
    }

    /// What was seen last; nil when that is too long ago.
    public func reading(now: ContinuousClock.Instant = .now) -> Reading? {
        if !isLooking, lastLook.map({ now - $0 >= Self.freshness }) ?? true {
            isLooking = true
            lastLook = now
            Task { await refresh() }
        }
        return latest.flatMap { now - $0.time < memory ? $0.reading : nil }
    }

    private func refresh() async {
        defer { isLooking = false }
        do {
            latest = (try await look(), .now)
        } catch {
            logger.debug("the queue's length is not known", metadata: ["error": .string("\(error)")])
        }
    }
}
