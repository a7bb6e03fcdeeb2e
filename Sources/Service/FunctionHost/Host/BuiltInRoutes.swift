import Foundation

/// What the host itself serves: `/healthz`, `/readyz`, `/metrics` and, at `/`, the list of all paths.
struct BuiltInRoutes: Sendable {
    let readiness: Readiness
    let metrics: PrometheusRegistry
    let process = ProcessMetrics()
    let index: [IndexEntry]

    struct IndexEntry: Encodable, Sendable {
        var function: String
        var description: String
        var path: String
        var methods: [String]
    }

    init(readiness: Readiness, metrics: PrometheusRegistry, deployments: [Deployment]) {
        self.readiness = readiness
        self.metrics = metrics
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
        segments.isEmpty || segments.count == 1 && ["healthz", "readyz", "metrics"].contains(segments[0])
    }

    func answer(_ segments: [String]) async throws -> FunctionResponse {
        switch segments.first {
        case "healthz": return try .json(["status": "ok"])
        case "readyz":
            let report = await readiness.report()
            return try .json(status: report.isReady ? 200 : 503, headers: [.cacheControl: "no-store"], report)
        case "metrics":
            return .text(metrics.text() + process.text(), contentType: "text/plain; version=0.0.4; charset=utf-8")
        default: return try .json(["functions": index])
        }
    }
}
