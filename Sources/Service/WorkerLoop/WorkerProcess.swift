public import EnvironmentSettings
import Foundation
public import Logging
import ModelStore
import HTTPServer
import HTTPTransport
import Jobs
import ObjectStorage
import Observability
import Separation
import ServiceLifecycle
import TraceExport
import UnixSignals

/// A worker as a process of its own, configured by its environment.
///
/// The first `SIGTERM` or `SIGINT` drains it; the second one has it give its job back at once.
public struct WorkerProcess: Sendable {
    private let worker: Worker
    private let probes: ProbeServer
    private let exporter: TraceExporter
    private let logger: Logger

    /// The names of all variables that a worker reads.
    public static var variables: [String] { settings.flatMap { $0.rows.map(\.name) } }

    /// What a worker reads from its environment, here and in ``EngineSeparator``.
    public static var settings: [any Configurable.Type] {
        [
            WorkerConfiguration.self, ModelChoice.self, EngineSettings.self, StoreSettings.self, S3Configuration.self,
            RedisSettings.self, QueueOptions.self, TraceSettings.self, LogSettings.self,
        ]
    }

    /// Reads the environment by its ``settings``.
    ///
    /// - Throws: a sentence that names the variable which is wrong or missing.
    public init(environment: [String: String], separator: any SongSeparator, logger: Logger) throws {
        let configuration = try WorkerConfiguration(environment: environment)
        var options = try QueueOptions(environment: environment)
        options.program = configuration.id
        let queue = try RedisJobQueue(url: RedisSettings.reading(environment).url, options: options)
        let metrics = PrometheusRegistry()
        exporter = TraceExporter(
            try TraceSettings.reading(environment), program: "msaas-worker", metrics: metrics, logger: logger)
        let worker = try Worker(
            configuration: configuration, queue: queue,
            storage: S3Client(S3Configuration(environment: environment), transport: CurlTransport()),
            separator: separator, metrics: metrics, tracer: exporter.tracer, logger: logger)
        self.worker = worker
        probes = ProbeServer(
            host: configuration.probeHost, port: configuration.probePort, metrics: metrics, logger: logger,
            health: { worker.health }, readiness: { worker.readinessReport.answer },
            onListening: { logger.info("probes and metrics are served", metadata: ["port": .stringConvertible($0)]) })
        self.logger = logger
    }

    /// Works until it is told to end.
    public func run() async throws {
        // A file that may not grow fails the write, not the process.
        signal(SIGXFSZ, SIG_IGN)
        // Services end in reverse order, so that the second signal is heard, probes are answered and spans are taken for as
        // long as the worker drains.
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: exporter), .init(service: probes),
                    .init(service: SecondSignal(worker: worker)),
                    // An operator may ask it to end.
                    .init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup),
                ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}

/// Hurries the worker when a second signal comes.
private struct SecondSignal: Service {
    let worker: Worker

    func run() async throws {
        var count = 0
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint).cancelOnGracefulShutdown() {
            count += 1
            if count == 2 { worker.hurry() }
        }
    }
}
