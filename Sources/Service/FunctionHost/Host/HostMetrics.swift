import Metrics
import Observability

/// What the host counts, by function.
struct HostMetrics: Sendable {
    private let registry: PrometheusRegistry
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

    init(registry: PrometheusRegistry) {
        self.registry = registry
        registry.describe("http_requests", "Requests answered.")
        registry.describe("http_requests_aborted", "Requests whose answer could not be sent to its end.")
        registry.describe("http_response_bytes", "Bytes of bodies sent.")
        registry.describe("http_requests_in_flight", "Requests being answered.")
        registry.describe("http_request_duration", "Seconds from a request's head to its answer's last byte.")
    }

    func begins(function: String) { inFlight(function).increment(by: 1) }

    func ends(function: String, method: String, _ outcome: Exchange.Outcome) {
        inFlight(function).increment(by: -1)
        let method = Self.methods.contains(method) ? method : "OTHER"
        Counter(
            label: "http_requests",
            dimensions: [("function", function), ("method", method), ("status", String(outcome.status))],
            factory: registry
        ).increment()
        if !outcome.isComplete {
            Counter(label: "http_requests_aborted", dimensions: [("function", function)], factory: registry).increment()
        }
        Counter(label: "http_response_bytes", dimensions: [("function", function)], factory: registry)
            .increment(by: outcome.sentBytes)
        Timer(label: "http_request_duration", dimensions: [("function", function)], factory: registry)
            .recordNanoseconds(
                outcome.duration.components.seconds * 1_000_000_000
                    + outcome.duration.components.attoseconds / 1_000_000_000)
    }

    private func inFlight(_ function: String) -> Meter {
        Meter(label: "http_requests_in_flight", dimensions: [("function", function)], factory: registry)
    }
}
