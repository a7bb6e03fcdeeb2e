import Foundation
import HTTPTransport
import Logging
import ObjectStorage
import ServiceLifecycle
import StorageServer
import TestSupport

/// A storage server inside the test's process, on a free port.
final class RunningStorage: Sendable {
    static let accessKey = "msaas"
    static let secretKey = "msaas-secret-key"

    let port: Int
    let directory: TemporaryDirectory
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Starts a server, on a folder of its own or on one that an earlier server left.
    init(
        directory: TemporaryDirectory? = nil, webhooks: [WebhookTarget] = [], now: (@Sendable () -> Date)? = nil,
        configure: (inout StorageServer.Configuration) -> Void = { _ in }
    ) async throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "storage")
        logger.logLevel = .critical
        var configuration = StorageServer.Configuration(
            port: 0, directory: directory.url, accessKey: Self.accessKey, secretKey: Self.secretKey,
            webhooks: webhooks, webhookInterval: .milliseconds(50))
        configuration.keptFree = 0
        if let now {
            configuration.now = now
            configuration.expiryInterval = .milliseconds(50)
        }
        configure(&configuration)
        let server = StorageServer(
            configuration: configuration, logger: logger, onRunning: { running.yield($0) })
        let group = ServiceGroup(services: [server], logger: logger)
        self.group = group
        task = Task {
            defer { running.finish() }
            try await group.run()
        }
        var port: Int?
        for await known in ports {
            port = known
            break
        }
        if port == nil { try await task.value }
        self.port = port ?? 0
    }

    /// Ends the server gracefully and waits for it.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    deinit { task.cancel() }

    func client(
        accessKey: String = accessKey, secretKey: String = secretKey, now: @escaping @Sendable () -> Date = { Date() }
    )
        throws -> S3Client
    {
        let configuration = try S3Configuration(endpoint: endpoint, accessKey: accessKey, secretKey: secretKey)
        var client = S3Client(configuration, transport: CurlTransport(), now: now)
        client.retry.first = .milliseconds(1)
        return client
    }
}
