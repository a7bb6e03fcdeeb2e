import ArgumentParser
import Foundation
import ObjectStorage
import ServiceLifecycle
import StorageServer

/// `msaas storage`: the S3 server of the one-machine mode alone, as `msaas up` starts it.
struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Run only the S3 server of the one-machine mode.",
        discussion: """
            Speaks the part of MinIO's API that the service needs. The keys come from S3_ACCESS_KEY and S3_SECRET_KEY; \
            the webhook's bearer token, if any, from WEBHOOK_TOKEN.
            """)

    @Option(help: "The folder that holds buckets and objects.")
    var data: String

    @Option(help: "The address to bind to.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on.")
    var port = 9000

    @Option(help: "A target for bucket notifications, ID=URL; its ARN is arn:minio:sqs:REGION:ID:webhook.")
    var webhook: [String] = []

    @Option(
        help:
            "PEM file of the server's certificate; with --tls-key it speaks TLS. Both are read again when they change.")
    var tlsCertificate: String?

    @Option(help: "PEM file of its private key.")
    var tlsKey: String?

    @Option(help: "Bytes of the disk that uploads leave free (default: a twentieth of it, at most 1 GiB).")
    var keepFree: Int?

    @Option(help: "Bytes a second that a body must bring; 0: any.")
    var leastBodyRate = 1024

    @Option(help: "Open connections of one address, loopback aside; 0: any number.")
    var connectionsPerAddress = 256

    func validate() throws {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("Give --tls-certificate and --tls-key together, or neither.")
        }
        guard keepFree ?? 0 >= 0, leastBodyRate >= 0, connectionsPerAddress >= 0 else {
            throw ValidationError("--keep-free, --least-body-rate and --connections-per-address cannot be negative.")
        }
    }

    func run() async throws {
        // A file that may not grow fails the write, not the process.
        signal(SIGXFSZ, SIG_IGN)
        let environment = ProcessInfo.processInfo.environment
        let targets = try webhook.map { text in
            guard let separator = text.firstIndex(of: "="), separator != text.startIndex else {
                throw CommandFailure("--webhook is \(text); it must be ID=URL.")
            }
            return WebhookTarget(
                id: String(text[..<separator]), endpoint: String(text[text.index(after: separator)...]),
                token: environment["WEBHOOK_TOKEN"] ?? "")
        }
        guard let accessKey = environment["S3_ACCESS_KEY"], let secretKey = environment["S3_SECRET_KEY"] else {
            throw CommandFailure("Set S3_ACCESS_KEY and S3_SECRET_KEY: the keys that clients sign with.")
        }
        var configuration = StorageServer.Configuration(
            host: host, port: port, directory: URL(filePath: data, directoryHint: .isDirectory),
            accessKey: accessKey, secretKey: secretKey, region: environment["S3_REGION"] ?? "us-east-1",
            webhooks: targets)
        configuration.keptFree = keepFree
        configuration.connections.leastBodyRate = leastBodyRate
        configuration.connections.perAddress = connectionsPerAddress
        if let tlsCertificate, let tlsKey { configuration.certificate = (tlsCertificate, tlsKey) }
        let server = StorageServer(configuration: configuration, logger: commandLogger())
        try await ServiceGroup(
            services: [server], gracefulShutdownSignals: [.sigint, .sigterm], logger: commandLogger()
        ).run()
    }
}
