import Foundation
import HTTPTransport
import ObjectStorage
import StorageServer
import TestSupport

/// A storage server inside the test's process, on a free port.
final class RunningStorage: Sendable {
    static let accessKey = "msaas"
    static let secretKey = "msaas-secret-key"

    let directory: TemporaryDirectory
    private let service: RunningService

    var port: Int { service.port }
    var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Starts a server, on a folder of its own or on one that an earlier server left.
    init(
        directory: TemporaryDirectory? = nil, webhooks: [WebhookTarget] = [], now: (@Sendable () -> Date)? = nil,
        configure: (inout StorageServer.Configuration) -> Void = { _ in }
    ) async throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        var configuration = StorageServer.Configuration(
            port: 0, directory: directory.url, accessKey: Self.accessKey, secretKey: Self.secretKey,
            webhooks: webhooks, webhookInterval: .milliseconds(50))
        configuration.keptFree = 0
        if let now {
            configuration.now = now
            configuration.expiryInterval = .milliseconds(50)
        }
        configure(&configuration)
        let settings = configuration
        service = try await RunningService { logger, listens in
            StorageServer(configuration: settings, logger: logger, onRunning: listens)
        }
    }

    /// Ends the server gracefully and waits for it.
    func stop() async throws { try await service.stop() }

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
