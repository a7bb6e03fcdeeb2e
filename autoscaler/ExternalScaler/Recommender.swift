public import Controller
import Foundation
public import Jobs
public import Logging
import Pacing
public import Policy
public import ServiceLifecycle
import ServiceContract
import Synchronization

/// Follows the queue and decides every second, and at once when a job comes, how many workers there should be; others make it so.
///
/// It knows Redis only: the workers are those that speak there, and their number is taken to be what it has last recommended.
/// So the windows of the policy, its spare workers and its pace hold as in the ``Controller``, and so does what the operator asks for
/// in the dashboard. What cannot be done from here is to choose who goes, and to wait until they hold no job.
public final class Recommender: Service {
    /// What there should be.
    public struct Recommendation: Sendable, Equatable {
        /// So many workers.
        public var workers: Int
        /// Why, in words.
        public var why: String
    }

    /// How long Redis may take.
    private static let patience = Duration.seconds(5)
    /// The shortest pause between two looks, so that a flood of jobs makes few.
    private static let shortestPause = Duration.milliseconds(20)

    private struct State {
        var current = Reading<Recommendation>.unknown("The queue has not been read yet.")
        var since: ContinuousClock.Instant?
        /// Whether there should have been workers when that was last known.
        var wasActive: Bool?
        var listeners: [Int: AsyncStream<Bool>.Continuation] = [:]
        var heard = 0
        var isOver = false
    }

    private let policy: ScalingPolicy
    private let queue: RedisJobQueue
    private let options: ControllerOptions
    private let logger: Logger
    private let state = Mutex(State())

    /// A recommender; nothing is read before ``run()``.
    ///
    /// - Parameter options: how often it looks, and how long a worker may be silent.
    public init(policy: ScalingPolicy, queue: RedisJobQueue, options: ControllerOptions, logger: Logger) {
        self.policy = policy
        self.queue = queue
        self.options = options
        self.logger = logger
    }

    /// What there should be now, or why nobody knows.
    ///
    /// A recommendation that nobody has confirmed for a while is none: whoever asks has a plan for that.
    var current: Reading<Recommendation> {
        state.withLock { state in
            guard let since = state.since else { return state.current }
            let age = ContinuousClock.now - since
            guard age <= policy.settings.longestGap + Self.patience else {
                return .unknown("The queue was last read \(age.words) ago.")
            }
            return state.current
        }
    }

    /// Whether there should be workers at all: at once if it is known, and then each time that it changes. While Redis is away nothing is
    /// said. Ends with the recommender.
    func activity() -> AsyncStream<Bool> {
        let (stream, listener) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { state in
            guard !state.isOver else { return listener.finish() }
            let id = state.heard
            state.heard += 1
            state.listeners[id] = listener
            listener.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[id] = nil } }
            if let current = state.current.value { listener.yield(current.workers > 0) }
        }
        return stream
    }

    /// Reads and decides until graceful shutdown or cancellation.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.work() }
        let listeners = state.withLock { state in
            state.isOver = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func work() async {
        // One element stands for any number of reasons to look.
        let (rounds, trigger) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wake: @Sendable () -> Void = { trigger.yield() }
        let reader = JobsReader(queue: queue, board: RedisAutoscalerBoard(queue: queue), logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reader.follow(arrived: wake) }
            group.addTask { [interval = options.interval] in
                repeat { wake() } while await pause(for: interval)
            }
            var fleet = ImaginedFleet()
            for await _ in rounds {
                await look(reader, &fleet)
                guard await pause(for: Self.shortestPause) else { break }
            }
            group.cancelAll()
        }
    }

    private func look(_ reader: JobsReader, _ fleet: inout ImaginedFleet) async {
        let found = await reading("Redis", within: Self.patience) { try await reader.read() }
        guard let jobs = found.value else {
            guard !Task.isCancelled else { return }
            note(.unknown(found.failure))
            return
        }
        note(.known(fleet.decide(policy, jobs, patience: options.heartbeatTimeout / .seconds(1))))
    }

    private func note(_ reading: Reading<Recommendation>) {
        let before = state.withLock { state in
            defer { (state.current, state.since) = (reading, .now) }
            guard let isActive = reading.value.map({ $0.workers > 0 }), isActive != state.wasActive else {
                return state.current
            }
            state.wasActive = isActive
            for listener in state.listeners.values { listener.yield(isActive) }
            return state.current
        }
        if let now = reading.value {
            guard now.workers != before.value?.workers else { return }
            logger.info("recommending", metadata: ["workers": "\(now.workers)", "why": "\(now.why)"])
        } else if case .unknown(let why) = reading, before != reading {
            logger.warning("nothing can be recommended", metadata: ["reason": "\(why)"])
        }
    }
}

/// The workers as they would be if the recommendations were followed, and what the policy remembers.
struct ImaginedFleet {
    private let start = ContinuousClock.now
    private var history = History()
    private var replicas: Int?

    /// What there should be, by what was read now.
    mutating func decide(
        _ policy: ScalingPolicy, _ jobs: JobsReading, patience: TimeInterval
    ) -> Recommender.Recommendation {
        let workers = jobs.workers.values.sorted { $0.id < $1.id }.compactMap { worker -> Replica? in
            // One that is gone has left its job to the queue.
            guard jobs.board.time.timeIntervalSince(worker.heartbeat) <= patience else { return nil }
            let isBusy = worker.job != nil || worker.state == .busy
            let isMarked = jobs.board.drains[worker.id] != nil
            // Whoever drains without a mark was told to end, and is no replica any more.
            return Replica(
                id: worker.id, phase: worker.state == .draining && !isMarked ? .terminating : .ready,
                activity: isBusy ? .busy(progress: worker.progress ?? 0) : .idle, draining: isMarked)
        }
        let fleet = Fleet(replicas: replicas ?? workers.count(where: \.isLive), workers: workers)
        let decision = policy.decide(
            // Where pods find room is known to those who make them.
            Observation(
                backlog: .known(jobs.backlog), fleet: .known(fleet), headroom: .known(.unlimited),
                control: jobs.control),
            history: history, now: Moment(ContinuousClock.now - start))
        history = decision.history
        let target = decision.target ?? fleet.replicas
        replicas = target
        return Recommender.Recommendation(
            workers: target, why: decision.explanation(ofGrowth: target > fleet.replicas))
    }
}
