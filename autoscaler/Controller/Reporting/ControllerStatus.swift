import Foundation
import Policy
import Synchronization

/// What a controller is doing, for `/healthz` and `/metrics`.
public final class ControllerStatus: Sendable {
    struct Contents: Sendable {
        var lastRound: ContinuousClock.Instant?
        var lastDecision: Date?
        var isLeading = false
        var isPaused = false
        var override: Int?
        var settings: Settings?
        var fleet: Fleet?
        var target: Int?
        var ceiling: Int?
        var jobs: JobsReading?
        var decisions = 0
        var scaledUp = 0
        var scaledDown = 0
        var troubles: Set<String> = []
        var failures: [String: Int] = ["redis": 0, "target": 0]
    }

    /// A controller whose last round is longer ago is not healthy.
    public static let patience = Duration.seconds(60)

    private let contents = Mutex(Contents())

    /// Nothing yet.
    public init() {}

    func change(_ body: (inout Contents) -> Void) { contents.withLock { body(&$0) } }

    /// Whether rounds are made; a controller that merely waits for leadership is healthy.
    public var isHealthy: Bool {
        contents.withLock { $0.lastRound.map { ContinuousClock.now - $0 < Self.patience } ?? false }
    }

    /// Whether this controller leads.
    public var isLeading: Bool { contents.withLock { $0.isLeading } }

    /// Everything in Prometheus' text format 0.0.4. What is not known is left out.
    public func text() -> String {
        let now = contents.withLock { $0 }
        var text = MetricsText(prefix: "msaas_autoscaler_")
        text.gauge("leader", "Whether this controller leads.", now.isLeading ? 1 : 0)
        text.counter("decisions_total", "Decisions taken.", now.decisions)
        text.counter(
            "scalings_total", "Changes of the number of replicas.", "direction",
            [
                "up": now.scaledUp, "down": now.scaledDown,
            ])
        text.counter("read_failures_total", "Readings that failed, by what could not be read.", "system", now.failures)
        text.gauge(
            "last_decision_timestamp_seconds", "When the last decision was taken, in Unix time.",
            now.lastDecision?.timeIntervalSince1970)
        guard now.isLeading else { return text.text }
        text.gauge("replicas", "Replicas that the target is set to.", now.fleet?.replicas)
        text.gauge("replicas_wanted", "Replicas that jobs and rules ask for.", now.target)
        text.gauge("replicas_minimum", "The lower bound.", now.settings?.minReplicas)
        text.gauge("replicas_maximum", "The upper bound.", now.settings?.maxReplicas)
        text.gauge("replicas_memory_ceiling", "The most replicas that memory allows.", now.ceiling)
        if let fleet = now.fleet {
            text.gauge("workers", "Workers by how far they have come up.", "phase", fleet.phases)
            text.gauge("workers_busy", "Workers that hold, or may hold, a job.", fleet.busy)
            text.gauge("workers_draining", "Workers that claim no more.", fleet.draining.count)
        }
        if let jobs = now.jobs {
            text.gauge(
                "jobs", "Jobs by where they are.", "state",
                [
                    "waiting": jobs.depth.waiting, "in-flight": jobs.depth.inFlight, "dead": jobs.depth.dead,
                ])
            text.gauge("audio_seconds", "Audio yet to be separated.", jobs.audioSeconds)
            text.gauge(
                "real_time_factor", "Seconds of work for one second of audio.", jobs.statistics.realTimeFactor)
        }
        text.gauge("paused", "Whether the operator has paused scaling.", now.isPaused ? 1 : 0)
        text.gauge("override_replicas", "The number that the operator has set.", now.override)
        text.gauge(
            "trouble", "What keeps the fleet from being as wanted.", "reason",
            now.troubles.reduce(into: [:]) {
                $0[$1] = 1
            })
        return text.text
    }
}

extension Fleet {
    fileprivate var phases: [String: Int] {
        var counts = ["pending": 0, "starting": 0, "ready": 0, "terminating": 0]
        for worker in workers {
            switch worker.phase {
            case .pending: counts["pending", default: 0] += 1
            case .starting: counts["starting", default: 0] += 1
            case .ready: counts["ready", default: 0] += 1
            case .terminating: counts["terminating", default: 0] += 1
            }
        }
        return counts
    }
}
