import Foundation
import Pacing
import Jobs
import Logging
import ProcessUsage
import ServiceContract
import Synchronization

/// Keeps the worker's lease and its record in Redis fresh while a song is separated, and knows whether to go on.
///
/// It is a plain thread with a connection of its own: neither products of matrices, which may fill every core and every
/// thread of the cooperative pool, nor slow replies to others can keep it from renewing.
final class LeaseKeeper: Sendable {
    /// What the keeper and the rest of the worker share.
    struct Shared {
        var record: WorkerRecord
        var claim: Claim?
        var progress = 0.0
        var audioSeconds: Double?
        var status = LeaseStatus.held
        var isStopped = false
        /// Why no song can be worked on here.
        var trouble: String?
        /// When a round was last begun, and when Redis last answered in one.
        var lastRound: ContinuousClock.Instant?
        var lastAnswer: ContinuousClock.Instant?
        /// Rounds that Redis did not answer.
        var failures = 0
        var hasEnded = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let shared: Mutex<Shared>
    private let alarm = NSCondition()
    private let queue: RedisJobQueue
    private let healthFile: URL?
    private let logger: Logger

    init(queue: RedisJobQueue, record: WorkerRecord, healthFile: URL?, logger: Logger) {
        self.queue = queue
        self.healthFile = healthFile
        self.logger = logger
        shared = Mutex(Shared(record: record))
    }

    /// Starts the thread; it ends with ``stop()``.
    func start() {
        let thread = Thread { [self] in
            keep()
            let waiter = shared.withLock { shared in
                shared.hasEnded = true
                return shared.waiter
            }
            waiter?.resume()
        }
        thread.name = "lease"
        thread.start()
    }

    /// Ends the thread that was started, and waits for its last round: after it the worker's record is not written again.
    func stop() async {
        change { $0.isStopped = true }
        await withCheckedContinuation { continuation in
            let hasEnded = shared.withLock { shared in
                if !shared.hasEnded { shared.waiter = continuation }
                return shared.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// Takes up a claim.
    func begin(_ claim: Claim) {
        change {
            ($0.claim, $0.progress, $0.audioSeconds, $0.status) = (claim, 0, nil, .held)
            ($0.record.job, $0.record.progress, $0.record.audioSeconds) = (claim.job.id, 0, nil)
            if $0.record.state == .idle { $0.record.state = .busy }
        }
    }

    /// Lets go of the claim.
    func end(models: [String]) {
        change {
            ($0.claim, $0.record.job, $0.record.progress, $0.record.models) = (nil, nil, nil, models)
            ($0.record.audioSeconds, $0.record.trouble) = (nil, nil)
            if $0.record.state == .busy { $0.record.state = .idle }
        }
    }

    /// Says whether the worker claims no more.
    func drain(_ isDraining: Bool) {
        guard shared.withLock({ ($0.record.state == .draining) != isDraining }) else { return }
        change { $0.record.state = isDraining ? .draining : $0.claim == nil ? .idle : .busy }
    }

    /// Takes note of the song's length, and tells it at once: whoever waits wants to know how long.
    func measured(_ seconds: Double) {
        change { ($0.audioSeconds, $0.record.audioSeconds) = (seconds, seconds) }
    }

    /// Takes note of how far the work is, and answers with what became of the lease.
    func report(_ progress: Double) -> LeaseStatus {
        shared.withLock {
            $0.progress = progress
            $0.record.progress = progress
            return $0.status
        }
    }

    /// Says that no song can be worked on here, and why; `nil` that it can. While it cannot, the health file grows old.
    func canWork(_ trouble: String?) { shared.withLock { ($0.trouble, $0.record.trouble) = (trouble, trouble) } }

    /// Says what its song waits for, for whoever looks at the record; `nil` that it goes on.
    func waits(for trouble: String?) { shared.withLock { $0.record.trouble = trouble } }

    /// What the rounds show of the worker, for probes and metrics.
    struct Pulse: Sendable {
        /// Whether the thread goes on and there is a folder to work in.
        var isAlive: Bool
        var isRedisAway: Bool
        var isBusy: Bool
        var isDraining: Bool
        var progress: Double?
        var audioSeconds: Double?
        var trouble: String?
        var failures: Int
    }

    /// A thread whose last round is longer ago is not alive; a Redis that last answered so long ago is away.
    private static let patience = (round: Duration.seconds(60), answer: Duration.seconds(10))

    /// What the last rounds show.
    var pulse: Pulse {
        let now = ContinuousClock.now
        return shared.withLock { shared in
            Pulse(
                isAlive: shared.lastRound.map { now - $0 < Self.patience.round } ?? false,
                isRedisAway: shared.lastAnswer.map { now - $0 > Self.patience.answer } ?? true,
                isBusy: shared.claim != nil, isDraining: shared.record.state == .draining,
                progress: shared.record.progress,
                audioSeconds: shared.audioSeconds, trouble: shared.trouble, failures: shared.failures)
        }
    }

    /// Why no song can be worked on here.
    var trouble: String? { shared.withLock { $0.trouble } }

    /// What became of the lease, as far as the last round found.
    var status: LeaseStatus { shared.withLock { $0.status } }

    private func change(_ body: (inout Shared) -> Void) {
        shared.withLock { body(&$0) }
        alarm.withLock { alarm.signal() }
    }

    // MARK: - On the thread

    /// Rounds every second, or four in a lease if that is more often, and at once after a change.
    private func keep() {
        // Where the process may, the thread goes before all others; where it may not, it is short enough of work to be
        // scheduled soon anyway.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -10)
        let line = queue.leaseLine()
        var pause = 0.25
        var isAway = false
        while true {
            let now = shared.withLock { $0 }
            if now.isStopped { return }
            do {
                let lease = try round(now, over: line)
                pause = min(1, Double(lease.milliseconds) / 4000)
                shared.withLock { $0.lastAnswer = .now }
                if isAway { logger.info("Redis is back") }
                isAway = false
            } catch {
                shared.withLock { $0.failures += 1 }
                if !isAway { logger.warning("the lease cannot be renewed: \(error)") }
                isAway = true
            }
            // Also while Redis is away: to start the worker again would not bring it back.
            if now.trouble == nil {
                shared.withLock { $0.lastRound = .now }
                if let healthFile { try? Data().write(to: healthFile) }
            }
            alarm.withLock { _ = alarm.wait(until: Date(timeIntervalSinceNow: pause)) }
        }
    }

    private func round(_ now: Shared, over line: RedisLeaseLine) throws(RedisError) -> Duration {
        if let claim = now.claim {
            let status = try line.renew(claim)
            if status != .held {
                shared.withLock { if $0.claim == claim { $0.status = status } }
            } else if now.progress > 0 || now.audioSeconds != nil {
                // A full server refuses progress but not renewals.
                do {
                    _ = try line.report(claim, progress: now.progress, audioSeconds: now.audioSeconds)
                } catch .outOfMemory {}
            }
        }
        var record = now.record
        record.memory = ProcessUsage.residentBytes
        return try line.heartbeat(record)
    }
}

/// Whether the worker is to end, and by when.
final class Drain: Sendable {
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)

    /// Whether no more jobs are to be claimed.
    var isDraining: Bool { deadline.withLock { $0 != nil } }

    /// Whether the present job is to be given back.
    var isOver: Bool { deadline.withLock { $0.map { $0 <= .now } ?? false } }

    /// Asks the worker to end within `period`. A later call can only shorten it.
    func begin(_ period: Duration) {
        let end = ContinuousClock.now + period
        deadline.withLock { $0 = min($0 ?? end, end) }
    }
}
