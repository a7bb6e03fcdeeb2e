import Metrics
import Observability
import Synchronization

/// What the host counts, by function.
struct HostMetrics: Sendable {
    private let registry: PrometheusRegistry
    private let flights = Flights()
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]

    /// Counts into `registry`.
    ///
    /// - Parameter targets: for each function how many requests in flight this host is there for.
    init(registry: PrometheusRegistry, targets: [String: Int]) {
        self.registry = registry
        registry.describe("http_requests", "Requests answered.")
        registry.describe("http_requests_aborted", "Requests whose answer could not be sent to its end.")
        registry.describe("http_response_bytes", "Bytes of bodies sent.")
        registry.describe("http_request_duration", "Seconds from a request's head to its answer's last byte.")
        registry.collect { [flights] in
            flights.write(to: &$0)
            $0.gauge(
                "function_target_concurrency", "Requests in flight that one host is there for.", "function", targets)
        }
    }

    func begins(function: String) { flights.change(function, by: 1) }

    func ends(function: String, method: String, _ outcome: Exchange.Outcome) {
        flights.change(function, by: -1)
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
}

/// The requests in flight of each function, and their sum over time: whoever reads that twice knows the exact mean between, also
/// of requests that are over in a moment, which a look now and then would miss.
private final class Flights: Sendable {
    private struct Flight {
        var count = 0
        var seconds = 0.0
        var since = ContinuousClock.now

        mutating func advance(to now: ContinuousClock.Instant) {
            seconds += Double(count) * ((now - since) / .seconds(1))
            since = now
        }
    }

    private let flights = Mutex<[String: Flight]>([:])

    func change(_ function: String, by difference: Int) {
        flights.withLock {
            var flight = $0[function] ?? Flight()
            flight.advance(to: .now)
            flight.count += difference
            $0[function] = flight
        }
    }

    func write(to text: inout PrometheusText) {
        let flights = flights.withLock { flights in
            for name in flights.keys { flights[name]?.advance(to: .now) }
            return flights
        }
        text.gauge("http_requests_in_flight", "Requests being answered.", "function", flights.mapValues(\.count))
        text.counter(
            "http_requests_in_flight_seconds_total", "Seconds that requests were in flight, of all together.",
            "function", flights.mapValues(\.seconds))
    }
}
