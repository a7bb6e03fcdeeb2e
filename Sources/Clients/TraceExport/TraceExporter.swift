import Foundation
public import HTTPTransport
public import Logging
public import Observability
public import ServiceContract
public import ServiceLifecycle
import Synchronization

/// Where a program's traces go: OpenTelemetry's own variables.
public struct TraceSettings: Sendable, Equatable {
    /// The collector's address for traces.
    public var address: String
    /// Header fields that the collector wants, which are secrets.
    public var headers: [String: String] = [:]
    /// How the program is called there.
    public var service: String
    /// Which traces are recorded.
    public var sampler = TraceSampler()

    /// Reads `OTEL_EXPORTER_OTLP_ENDPOINT` (to which `/v1/traces` is added), `OTEL_EXPORTER_OTLP_HEADERS` (`name=value` between
    /// commas, percent-encoded), `OTEL_EXPORTER_OTLP_PROTOCOL` (which can only be `http/protobuf`), `OTEL_SERVICE_NAME`,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`; `nil` without an endpoint.
    ///
    /// - Parameter program: what the service is called if nothing else is said.
    /// - Throws: `InvalidOption` that names the variable; it never holds the header fields.
    public init?(environment: [String: String], program: String) throws(InvalidOption) {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        guard let endpoint = text("OTEL_EXPORTER_OTLP_ENDPOINT") else { return nil }
        let url = URL(string: endpoint)
        guard let url, ["http", "https"].contains(url.scheme), url.host() != nil, url.user() == nil, url.query() == nil
        else {
            // What stands before an @ may be a password.
            throw InvalidOption(
                name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: endpoint.contains("@") ? "…" : endpoint,
                rule: "it must be the collector's address, such as http://collector:4318")
        }
        if let wish = text("OTEL_EXPORTER_OTLP_PROTOCOL"), wish != "http/protobuf" {
            throw InvalidOption(
                name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: wish,
                rule: "it must be http/protobuf, which collectors take at port 4318")
        }
        address = endpoint + (endpoint.hasSuffix("/") ? "" : "/") + "v1/traces"
        service = text("OTEL_SERVICE_NAME") ?? program
        headers = try Self.headers(text("OTEL_EXPORTER_OTLP_HEADERS") ?? "")
        sampler = try Self.sampler(text("OTEL_TRACES_SAMPLER"), text("OTEL_TRACES_SAMPLER_ARG"))
    }

    private static func headers(_ text: String) throws(InvalidOption) -> [String: String] {
        var headers: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, let value = parts[1].removingPercentEncoding,
                parts[0].wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~-]+/) != nil,
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else {
                // No part of it is shown: it is a secret.
                throw InvalidOption(
                    name: "OTEL_EXPORTER_OTLP_HEADERS", value: "…",
                    rule: "it must be name=value between commas, the values percent-encoded")
            }
            headers[parts[0]] = value
        }
        return headers
    }

    private static func sampler(_ name: String?, _ argument: String?) throws(InvalidOption) -> TraceSampler {
        func ratio() throws(InvalidOption) -> Double {
            guard let argument else { return 1 }
            guard let value = Double(argument), (0...1).contains(value) else {
                throw InvalidOption(
                    name: "OTEL_TRACES_SAMPLER_ARG", value: argument, rule: "it must be a number from 0 to 1")
            }
            return value
        }
        switch name {
        case nil, "parentbased_always_on": return TraceSampler()
        case "parentbased_always_off": return TraceSampler(ratio: 0)
        case "parentbased_traceidratio": return TraceSampler(ratio: try ratio())
        case "always_on": return TraceSampler(followsParent: false)
        case "always_off": return TraceSampler(ratio: 0, followsParent: false)
        case "traceidratio": return TraceSampler(ratio: try ratio(), followsParent: false)
        case let name?:
            throw InvalidOption(
                name: "OTEL_TRACES_SAMPLER", value: name,
                rule: "it must be always_on, always_off, traceidratio or one of these after parentbased_")
        }
    }
}

/// Sends the spans of a ``Tracer`` to a collector by OTLP over HTTP, some hundreds at a time.
///
/// Nothing waits for it: spans wait in the tracer, which holds a few thousand and counts what finds no room; what the
/// collector does not take after a few tries is dropped and counted as well.
public struct TraceExporter: Service, CustomStringConvertible {
    /// What it is told to send.
    public let tracer: Tracer
    private let settings: TraceSettings?
    private let transport: any HTTPTransport
    private let logger: Logger
    private let counts = Counts()
    private let instance = UUID().uuidString.lowercased()

    private static let batch = 512
    private static let interval = Duration.seconds(1)
    /// How long the last spans may take when the program ends.
    private static let farewell = Duration.seconds(3)

    private final class Counts: Sendable {
        let sent = Atomic<Int>(0)
        let lost = Atomic<Int>(0)
    }

    /// An exporter; without `settings` its tracer records nothing, and it has nothing to do.
    public init(
        _ settings: TraceSettings?, metrics: PrometheusRegistry, transport: any HTTPTransport = CurlTransport(),
        logger: Logger
    ) {
        self.settings = settings
        self.transport = transport
        self.logger = logger
        tracer = Tracer(settings?.sampler)
        guard settings != nil else { return }
        metrics.collect { [counts, tracer] text in
            text.counter(
                "trace_spans_sent_total", "Spans that the collector took.", counts.sent.load(ordering: .relaxed))
            text.counter(
                "trace_spans_dropped_total", "Spans that found no room, or that the collector did not take.",
                counts.lost.load(ordering: .relaxed) + tracer.dropped)
        }
    }

    /// Its name only: header fields are secrets.
    public var description: String { "TraceExporter" }

    /// Sends until graceful shutdown, and what is left then.
    public func run() async throws {
        guard let settings else { return try await gracefulShutdown() }
        var isAway = false
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
            await sendAll(to: settings, attempts: Task.isShuttingDownGracefully ? 1 : 4, isAway: &isAway)
        }
    }

    private func sendAll(to settings: TraceSettings, attempts: Int, isAway: inout Bool) async {
        while true {
            let spans = tracer.take(Self.batch)
            guard !spans.isEmpty else { return }
            let body = exportRequest(
                spans, service: settings.service, version: serviceVersion, instance: instance)
            do {
                try await send(body, to: settings, attempts: attempts)
                counts.sent.add(spans.count, ordering: .relaxed)
                if isAway { logger.notice("the trace collector is back") }
                isAway = false
            } catch {
                counts.lost.add(spans.count, ordering: .relaxed)
                if !isAway {
                    logger.warning(
                        "traces cannot be sent and are dropped",
                        metadata: ["collector": "\(settings.address)", "error": "\(error)"])
                }
                isAway = true
                if Task.isShuttingDownGracefully { return }
            }
        }
    }

    private func send(_ body: Data, to settings: TraceSettings, attempts: Int) async throws {
        var headers: HTTPHeaders = ["Content-Type": "application/x-protobuf", "User-Agent": "msaas/\(serviceVersion)"]
        for (name, value) in settings.headers { headers.add(name, value) }
        let request = HTTPRequest(
            method: "POST", url: settings.address, headers: headers, body: .bytes(body),
            timeouts: HTTPTimeouts(connect: .seconds(2), total: attempts == 1 ? Self.farewell : .seconds(10)))
        var pause = Duration.milliseconds(500)
        for attempt in 1... {
            do {
                let answer = try await transport.send(request)
                _ = try? await answer.body.collect(limit: 1 << 16)
                if (200..<300).contains(answer.status) { return }
                throw Refused(status: answer.status)
            } catch {
                let mayPass = (error as? Refused)?.mayPass ?? (error as? HTTPError)?.isTransient ?? false
                guard mayPass, attempt < attempts else { throw error }
                try await cancelWhenGracefulShutdown { [pause] in
                    try await Task.sleep(for: pause * Double.random(in: 0.5...1))
                }
                pause *= 2
            }
        }
    }

    private struct Refused: Error, CustomStringConvertible {
        let status: Int
        /// As the protocol says.
        var mayPass: Bool { [429, 502, 503, 504].contains(status) }
        var description: String { "the collector answered \(status)" }
    }
}
