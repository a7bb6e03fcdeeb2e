public import EnvironmentSettings
import Foundation
public import HTTPTransport
public import Logging
public import Observability
import ServiceContract
public import ServiceLifecycle
import Synchronization

/// Where a program's traces go: OpenTelemetry's own variables.
public struct TraceSettings: Configurable, Equatable {
    /// The ways to the collector: there is one.
    public enum Wire: String, CaseIterable, Sendable {
        /// OTLP over HTTP, which collectors take at port 4318.
        case http = "http/protobuf"
    }

    /// Which traces are recorded, by OpenTelemetry's names.
    public enum Sampling: String, CaseIterable, Sendable {
        /// As the trace is elsewhere; all that begin here.
        case parentAndAll = "parentbased_always_on"
        /// As the trace is elsewhere; none that begins here.
        case parentOnly = "parentbased_always_off"
        /// As the trace is elsewhere; a part of those that begin here.
        case parentAndPart = "parentbased_traceidratio"
        /// All.
        case all = "always_on"
        /// None.
        case none = "always_off"
        /// A part of all.
        case part = "traceidratio"
    }

    /// The collector's address for traces; nil where nobody wants them.
    public var address: String?
    /// Header fields that the collector wants, which are secrets.
    public var headers: [String: String] = [:]
    /// How the program is called there; nil for the name that it gives itself.
    public var service: String?
    /// How spans travel.
    public var wire = Wire.http
    /// Which traces are recorded.
    public var sampling = Sampling.parentAndAll
    /// The part that is recorded where a part is, 0…1.
    public var part = 1.0

    /// No collector.
    public static let usual = TraceSettings()

    /// What the environment says of it.
    public static var settings: [Setting<TraceSettings>] {
        [
            // What stands before an @ may be a password.
            Setting(
                "OTEL_EXPORTER_OTLP_ENDPOINT", \.address, .collector, otherwise: "none", isSecret: true),
            Setting(
                "OTEL_EXPORTER_OTLP_HEADERS", \.headers, .headerFields, otherwise: "none", isSecret: true),
            Setting("OTEL_EXPORTER_OTLP_PROTOCOL", \.wire, .choice),
            Setting(
                "OTEL_SERVICE_NAME", \.service, .text("a name"), otherwise: "`msaas-function-host` or `msaas-worker`"),
            Setting("OTEL_TRACES_SAMPLER", \.sampling, .choice),
            Setting("OTEL_TRACES_SAMPLER_ARG", \.part, .number(0...1)),
        ]
    }

    /// Which traces are recorded, in the tracer's terms.
    public var sampler: TraceSampler {
        switch sampling {
        case .parentAndAll: TraceSampler()
        case .parentOnly: TraceSampler(ratio: 0)
        case .parentAndPart: TraceSampler(ratio: part)
        case .all: TraceSampler(followsParent: false)
        case .none: TraceSampler(ratio: 0, followsParent: false)
        case .part: TraceSampler(ratio: part, followsParent: false)
        }
    }
}

extension Form<String> {
    /// An address of a collector, to which the path for traces is added.
    fileprivate static var collector: Form {
        Form("the collector's address, such as http://collector:4318") { text in
            guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host() != nil,
                url.user() == nil, url.query() == nil
            else { return nil }
            return text + (text.hasSuffix("/") ? "" : "/") + "v1/traces"
        }
    }
}

extension Form<[String: String]> {
    /// Header fields as OpenTelemetry writes them.
    fileprivate static var headerFields: Form {
        Form("name=value between commas, the values percent-encoded") { text in
            var headers: [String: String] = [:]
            for pair in text.split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                guard parts.count == 2, let value = parts[1].removingPercentEncoding,
                    parts[0].wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~-]+/) != nil,
                    value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
                else { return nil }
                headers[parts[0]] = value
            }
            return headers
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
    private let address: String?
    private let headers: [String: String]
    private let service: String
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

    /// An exporter; without a collector in `settings` its tracer records nothing, and it has nothing to do.
    ///
    /// - Parameter program: what the service is called if nothing else is said.
    public init(
        _ settings: TraceSettings, program: String, metrics: PrometheusRegistry,
        transport: any HTTPTransport = CurlTransport(),
        logger: Logger
    ) {
        address = settings.address
        headers = settings.headers
        service = settings.service ?? program
        self.transport = transport
        self.logger = logger
        tracer = Tracer(settings.address == nil ? nil : settings.sampler)
        guard settings.address != nil else { return }
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
        guard let address else { return try await gracefulShutdown() }
        var isAway = false
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
            await sendAll(to: address, attempts: Task.isShuttingDownGracefully ? 1 : 4, isAway: &isAway)
        }
    }

    private func sendAll(to address: String, attempts: Int, isAway: inout Bool) async {
        while true {
            let spans = tracer.take(Self.batch)
            guard !spans.isEmpty else { return }
            let body = exportRequest(
                spans, service: service, version: serviceVersion, instance: instance)
            do {
                try await send(body, to: address, attempts: attempts)
                counts.sent.add(spans.count, ordering: .relaxed)
                if isAway { logger.notice("the trace collector is back") }
                isAway = false
            } catch {
                counts.lost.add(spans.count, ordering: .relaxed)
                if !isAway {
                    logger.warning(
                        "traces cannot be sent and are dropped",
                        metadata: ["collector": "\(address)", "error": "\(error)"])
                }
                isAway = true
                if Task.isShuttingDownGracefully { return }
            }
        }
    }

    private func send(_ body: Data, to address: String, attempts: Int) async throws {
        var fields: HTTPHeaders = ["Content-Type": "application/x-protobuf", "User-Agent": "msaas/\(serviceVersion)"]
        for (name, value) in headers { fields.add(name, value) }
        let request = HTTPRequest(
            method: "POST", url: address, headers: fields, body: .bytes(body),
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
