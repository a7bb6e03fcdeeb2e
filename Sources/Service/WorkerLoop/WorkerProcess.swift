import EnvironmentSettings
public import Logging
import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceLifecycle
import UnixSignals

/// A worker as a process of its own, configured by its environment.
///
/// The first `SIGTERM` or `SIGINT` drains it; the second one has it give its job back at once.
public struct WorkerProcess: Sendable {
    private let worker: Worker
    private let logger: Logger

    /// Reads the environment: see `WorkerConfiguration`, `QueueOptions`, `RedisSettings` and `S3Configuration`.
    ///
    /// - Throws: a sentence that names the variable which is wrong or missing.
    public init(environment: [String: String], separator: any SongSeparator, logger: Logger) throws {
        let configuration = try WorkerConfiguration(environment: environment)
        var options = try QueueOptions(environment: environment)
        options.program = configuration.id
        let queue = try RedisJobQueue(url: RedisSettings.reading(environment).url, options: options)
        worker = try Worker(
            configuration: configuration, queue: queue,
            storage: S3Client(S3Configuration(environment: environment), transport: CurlTransport()),
            separator: separator, logger: logger)
        self.logger = logger
    }

    /// Works until it is told to end.
    public func run() async throws {
        // A file that may not grow fails the write, not the process.
        signal(SIGXFSZ, SIG_IGN)
        // Services end in reverse order, so that the second signal is heard for as long as the worker drains.
        let group = ServiceGroup(
            configuration: .init(
                services: [
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
