import FunctionHost
import Jobs
import Logging
public import ServiceContract

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
