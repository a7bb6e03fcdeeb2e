public import Logging
public import ServiceLifecycle

/// A server inside the test's process, on a port that it finds itself. It ends when the test lets go of it.
public final class RunningService: Sendable {
    /// The port that the server listens on.
    public let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    /// Runs what `make` returns and waits until it listens.
    ///
    /// - Parameter make: makes the server; it gets a logger that keeps quiet and calls its second argument with the port
    ///   once it listens.
    /// - Throws: what the server throws before it listens.
    public init(_ make: (Logger, @escaping @Sendable (Int) -> Void) throws -> any Service) async throws {
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let service = try make(logger) { listening.yield($0) }
        let group = ServiceGroup(services: [service], logger: logger)
        let task = Task {
            defer { listening.finish() }
            try await group.run()
        }
        var known: Int?
        for await port in ports {
            known = port
            break
        }
        guard let known else {
            try await task.value
            throw TestFailure("the server ended before it listened")
        }
        (port, self.group, self.task) = (known, group, task)
    }

    /// Ends the server gracefully and waits for it.
    public func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    deinit { task.cancel() }
}
