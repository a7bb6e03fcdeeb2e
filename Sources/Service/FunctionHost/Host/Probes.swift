import Foundation
import Hummingbird
import Logging
import ServiceContract
import Synchronization

/// What the host itself serves: `/healthz`, `/readyz`, `/metrics`, `/openapi.yaml` and, at `/`, the version and the list of all
/// paths. With a port of their own for probes, metrics are to be had only there, and a functions' port that is full hides no probe.
struct BuiltInRoutes: Sendable {
    private static let probes = ["healthz", "readyz", "metrics", "openapi.yaml"]

    let readiness: Readiness
    let metrics: PrometheusRegistry
    let process = ProcessMetrics()
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

    init(readiness: Readiness, metrics: PrometheusRegistry, deployments: [Deployment], hidesMetrics: Bool) {
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

    func serves(_ segments: [String]) -> Bool {
        guard let first = segments.first else { return true }
        return segments.count == 1 && Self.probes.contains(first) && !(hidesMetrics && first == "metrics")
    }

    func answer(_ segments: [String]) async throws -> FunctionResponse {
        switch segments.first {
        case "healthz": return try .json(["status": "ok"])
        case "readyz":
            let report = await readiness.report()
            return try .json(status: report.isReady ? 200 : 503, headers: [.cacheControl: "no-store"], report)
        case "metrics":
            return .text(metrics.text() + process.text(), contentType: "text/plain; version=0.0.4; charset=utf-8")
        case "openapi.yaml":
            return FunctionResponse(
                headers: [.contentType: "application/yaml"], body: .bytes(Data(ServiceDescription.openAPI)))
        default: return try .json(Front(version: serviceVersion, functions: index))
        }
    }
}

/// Answers the probes' port.
struct ProbeResponder: HTTPResponder {
    let builtIn: BuiltInRoutes

    func respond(to request: Request, context: HostRequestContext) async throws -> Response {
        let target = RequestTarget(request.head.path ?? "/")
        let answer =
            if let target, target.segments.count == 1, builtIn.serves(target.segments),
                BuiltInRoutes.methods.contains(request.method.rawValue)
            { try await builtIn.answer(target.segments) } else {
                FunctionResponse(Problem.noRoute, requestID: RequestID.random())
            }
        guard case .bytes(let data) = answer.body else { return Response(status: .internalServerError) }
        return Response(
            status: .init(code: answer.status), headers: answer.headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}

/// Answers `/readyz`: looks at what the functions need, at most once a second.
final class Readiness: Sendable {
    private let checks: [ReadinessCheck]
    private let state: HostState
    private let logger: Logger
    private let latest = Mutex<(time: ContinuousClock.Instant, report: Report)?>(nil)

    struct Report: Encodable, Sendable {
        /// `ready`, `degraded`, `unready` or `draining`.
        var status: String
        /// The checks' names with `ok` or `failed`.
        var checks: [String: String]

        var isReady: Bool { status == "ready" || status == "degraded" }
    }

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

    func report() async -> Report {
        guard !state.isDraining else { return Report(status: "draining", checks: [:]) }
        let known = latest.withLock { $0 }
        if let known, ContinuousClock.now - known.time < .seconds(1) { return known.report }
        let report = await look()
        latest.withLock { $0 = (.now, report) }
        return report
    }

    private func look() async -> Report {
        var failed: Set<String> = []
        await withTaskGroup(of: String?.self) { group in
            for check in checks {
                group.addTask { await self.passes(check) ? nil : check.name }
            }
            for await name in group { if let name { failed.insert(name) } }
        }
        let isUnready = checks.contains { $0.isRequired && failed.contains($0.name) }
        return Report(
            status: isUnready ? "unready" : failed.isEmpty ? "ready" : "degraded",
            checks: Dictionary(
                uniqueKeysWithValues: checks.map { ($0.name, failed.contains($0.name) ? "failed" : "ok") }))
    }

    private func passes(_ check: ReadinessCheck) async -> Bool {
        do {
            try await withTimeLimit(.seconds(2)) { try await check.probe() }
            return true
        } catch {
            logger.warning(
                "readiness check failed", metadata: ["check": .string(check.name), "error": .string("\(error)")])
            return false
        }
    }
}
