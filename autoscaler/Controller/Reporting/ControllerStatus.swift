import Foundation
public import HTTPServer
public import Logging
public import Observability
import Policy
import ServiceContract
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
        var functions: [String: FunctionStatus] = [:]
    }

    struct FunctionStatus: Sendable {
        var record: FunctionRecord
        var troubles: Set<String>
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

    /// Serves this: alive and ready while rounds are made, since a controller that follows is there to take over.
    ///
    /// - Parameters:
    ///   - port: 0 for any that is free.
    ///   - onListening: called with the port once connections are taken.
    public func server(
        host: String, port: Int, metrics: PrometheusRegistry, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> ProbeServer {
        metrics.collect { [self] in write(to: &$0) }
        let answer = { @Sendable [self] in
            ProbeAnswer(isHealthy, isHealthy ? isLeading ? "leading" : "following" : "no rounds are made")
        }
        return ProbeServer(
            host: host, port: .fixed(port), metrics: metrics, logger: logger, health: answer, readiness: answer,
            onListening: onListening)
    }

    /// Writes everything as metrics. What is not known is left out.
    public func write(to text: inout PrometheusText) {
        let now = contents.withLock { $0 }
        text.gauge("msaas_autoscaler_leader", "Whether this controller leads.", now.isLeading ? 1 : 0)
        text.counter("msaas_autoscaler_decisions_total", "Decisions taken.", now.decisions)
        text.counter(
            "msaas_autoscaler_scalings_total", "Changes of the number of replicas.", "direction",
            [
                "up": now.scaledUp, "down": now.scaledDown,
            ])
        text.counter(
            "msaas_autoscaler_read_failures_total", "Readings that failed, by what could not be read.", "system",
            now.failures)
        text.gauge(
            "msaas_autoscaler_last_decision_timestamp_seconds", "When the last decision was taken, in Unix time.",
            now.lastDecision?.timeIntervalSince1970)
        guard now.isLeading else { return }
        text.gauge("msaas_autoscaler_replicas", "Replicas that the target is set to.", now.fleet?.replicas)
        text.gauge("msaas_autoscaler_replicas_wanted", "Replicas that jobs and rules ask for.", now.target)
        text.gauge("msaas_autoscaler_replicas_minimum", "The lower bound.", now.settings?.minReplicas)
        text.gauge("msaas_autoscaler_replicas_maximum", "The upper bound.", now.settings?.maxReplicas)
        text.gauge("msaas_autoscaler_replicas_memory_ceiling", "The most replicas that memory allows.", now.ceiling)
        if let fleet = now.fleet {
            text.gauge("msaas_autoscaler_workers", "Workers by how far they have come up.", "phase", fleet.phases)
            text.gauge("msaas_autoscaler_workers_busy", "Workers that hold, or may hold, a job.", fleet.busy)
            text.gauge("msaas_autoscaler_workers_draining", "Workers that claim no more.", fleet.draining.count)
        }
        if let jobs = now.jobs {
            text.gauge(
                "msaas_autoscaler_jobs", "Jobs by where they are.", "state",
                [
                    "waiting": jobs.depth.waiting, "in-flight": jobs.depth.inFlight, "dead": jobs.depth.dead,
                ])
            text.gauge("msaas_autoscaler_audio_seconds", "Audio yet to be separated.", jobs.audioSeconds)
            text.gauge(
                "msaas_autoscaler_real_time_factor", "Seconds of work for one second of audio.",
                jobs.statistics.realTimeFactor)
            text.gauge(
                "msaas_autoscaler_wait_kept_ratio",
                "The share of the last songs that waited no longer than target-wait.",
                now.settings.flatMap { jobs.statistics.kept(within: $0.targetWait) })
        }
        text.gauge("msaas_autoscaler_paused", "Whether the operator has paused scaling.", now.isPaused ? 1 : 0)
        text.gauge("msaas_autoscaler_override_replicas", "The number that the operator has set.", now.override)
        text.gauge(
            "msaas_autoscaler_trouble", "What keeps the fleet from being as wanted.", "reason",
            now.troubles.reduce(into: [:]) {
                $0[$1] = 1
            })
        write(now.functions, to: &text)
    }

    private func write(_ functions: [String: FunctionStatus], to text: inout PrometheusText) {
        guard !functions.isEmpty else { return }
        text.gauge(
            "msaas_autoscaler_function_replicas", "Replicas that a function is set to.", "function",
            functions.compactMapValues(\.record.replicas.now))
        text.gauge(
            "msaas_autoscaler_function_replicas_wanted", "Replicas that its requests and the rules ask for.",
            "function",
            functions.compactMapValues(\.record.replicas.wanted))
        text.gauge(
            "msaas_autoscaler_function_requests_in_flight", "Its requests in flight, rounded.", "function",
            functions.compactMapValues { $0.record.inFlight.map { Int($0.rounded()) } })
        text.gauge(
            "msaas_autoscaler_function_troubles", "How many things keep it from being as wanted.", "function",
            functions.mapValues(\.troubles.count))
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
