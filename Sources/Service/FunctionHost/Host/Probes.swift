import Foundation
import HTTPServer
import Logging
import Observability
import Pacing
import ServiceContract
import Synchronization

/// What the host itself serves: `/healthz`, `/readyz`, `/metrics`, `/openapi.yaml` and, at `/`, the version and the list of all
/// paths; browsers get there what a function has for `/`. With a port of their own for probes (``ProbeServer``), metrics are to be had only there, and a functions' port that is
/// full hides no probe.
struct BuiltInRoutes: Sendable {
    private static let probes = ["healthz", "readyz", "metrics", "openapi.yaml"]

    let readiness: Readiness
    let metrics: PrometheusRegistry
    let index: [IndexEntry]
    private let hidesMetrics: Bool

    private struct Front: Encodable {
        var version: String
        var functions: [IndexEntry]
    }

    struct IndexEntry: Encodable, Sendable {
        var function: String
        var description: String
        var path: String
        var methods: [String]
    }

    init(readiness: Readiness, metrics: PrometheusRegistry, deployments: [ServedFunction], hidesMetrics: Bool) {
        self.readiness = readiness
        self.metrics = metrics
        self.hidesMetrics = hidesMetrics
        index = deployments.flatMap { deployment in
            deployment.manifest.routes.map {
                IndexEntry(
                    function: deployment.manifest.name, description: deployment.manifest.description,
                    path: $0.path.description, methods: $0.methods)
            }
        }
    }

    static let methods = ["GET", "HEAD"]
    static let health = ProbeAnswer(status: 200, contentType: "application/json", body: Array(#"{"status":"ok"}"#.utf8))

    func serves(_ segments: [String]) -> Bool {
        guard let first = segments.first else { return true }
        return segments.count == 1 && Self.probes.contains(first) && !(hidesMetrics && first == "metrics")
    }

    func answer(_ segments: [String]) async throws -> FunctionResponse {
        switch segments.first {
        case "healthz": return FunctionResponse(Self.health)
        case "readyz": return FunctionResponse(await readiness.report().answer)
        case "metrics": return .text(await metrics.text(), contentType: PrometheusText.contentType)
        case "openapi.yaml":
            return FunctionResponse(
                headers: [.contentType: "application/yaml"], body: .bytes(Data(ServiceDescription.openAPI)))
        default: return try .json(headers: [.vary: "Accept"], Front(version: serviceVersion, functions: index))
        }
    }
}

/// Answers `/readyz`: looks at what the functions need, at most once a second.
final class Readiness: Sendable {
    private let checks: [ReadinessCheck]
    private let state: HostState
    private let logger: Logger
    private let latest = Mutex<(time: ContinuousClock.Instant, report: ReadinessReport)?>(nil)

    init(_ functions: [any Function], state: HostState, logger: Logger) {
        var checks: [ReadinessCheck] = []
        for check in functions.flatMap(\.readinessChecks) {
            if let index = checks.firstIndex(where: { $0.name == check.name }) {
                if check.isRequired { checks[index] = check }
            } else {
                checks.append(check)
            }
        }
        self.checks = checks
        self.state = state
        self.logger = logger
    }

    func report() async -> ReadinessReport {
        guard !state.isDraining else { return ReadinessReport(status: "draining", checks: [:]) }
        let known = latest.withLock { $0 }
        if let known, ContinuousClock.now - known.time < .seconds(1) { return known.report }
        let report = await look()
        latest.withLock { $0 = (.now, report) }
        return report
    }

    private func look() async -> ReadinessReport {
        let words: [String: String] = await withTaskGroup(of: (String, String).self) { group in
            for check in checks { group.addTask { (check.name, await self.word(on: check)) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let isUnready = checks.contains { $0.isRequired && words[$0.name] == "failed" }
        let isWhole = words.values.allSatisfy { $0 == "ok" }
        return ReadinessReport(status: isUnready ? "unready" : isWhole ? "ready" : "degraded", checks: words)
    }

    private func word(on check: ReadinessCheck) async -> String {
        do {
            try await withTimeLimit(.seconds(2), for: check.name) { try await check.probe() }
            return "ok"
        } catch {
            logger.warning(
                "readiness check failed", metadata: ["check": .string(check.name), "error": .string("\(error)")])
            return (error as? Limited)?.word ?? "failed"
        }
    }
}

extension FunctionResponse {
    fileprivate init(_ answer: ProbeAnswer) {
        self.init(
            status: answer.status, headers: [.contentType: answer.contentType, .cacheControl: "no-store"],
            body: .bytes(Data(answer.body)))
    }
}
