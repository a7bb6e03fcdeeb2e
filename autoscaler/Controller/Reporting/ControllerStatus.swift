import Foundation
import Hummingbird
public import Logging
import Policy
public import ServiceLifecycle
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

/// Serves `/healthz` (200, or 503 when no rounds are made) and `/metrics` (Prometheus text).
public struct StatusServer: Service {
    private let status: ControllerStatus
    private let host: String
    private let port: Int
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// A server; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - port: 0 for any that is free.
    ///   - onListening: called with the port once connections are taken.
    public init(
        status: ControllerStatus, host: String, port: Int, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.status = status
        self.host = host
        self.port = port
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown.
    public func run() async throws {
        let router = Router()
        router.get("/healthz") { [status] _, _ in
            let isHealthy = status.isHealthy
            let word = isHealthy ? status.isLeading ? "leading\n" : "following\n" : "no rounds are made\n"
            return Response(
                status: isHealthy ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: word)))
        }
        router.get("/metrics") { [status] _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: status.text())))
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: quiet)
        try await application.run()
    }
}

/// Writes Prometheus' text format 0.0.4. Names and label values are our own, and need no escaping.
package struct MetricsText {
    package private(set) var text = ""
    private let prefix: String

    package init(prefix: String) { self.prefix = prefix }

    package mutating func gauge(_ name: String, _ help: String, _ value: Double?) {
        guard let value else { return }
        head(name, help, "gauge")
        line(name, nil, value)
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Int?) {
        gauge(name, help, value.map(Double.init))
    }

    package mutating func gauge(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        family(name, help, "gauge", label, values)
    }

    package mutating func counter(_ name: String, _ help: String, _ value: Int) {
        head(name, help, "counter")
        line(name, nil, Double(value))
    }

    package mutating func counter(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        family(name, help, "counter", label, values)
    }

    private mutating func family(
        _ name: String, _ help: String, _ kind: String, _ label: String, _ values: [String: Int]
    ) {
        head(name, help, kind)
        for (value, count) in values.sorted(by: { $0.key < $1.key }) { line(name, (label, value), Double(count)) }
    }

    private mutating func head(_ name: String, _ help: String, _ kind: String) {
        text += "# HELP \(prefix)\(name) \(help)\n# TYPE \(prefix)\(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ label: (String, String)?, _ value: Double) {
        let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        text += prefix + name + (label.map { "{\($0.0)=\"\($0.1)\"}" } ?? "") + " \(number)\n"
    }
}
