public import EnvironmentSettings
import Foundation
public import HTTPServer
import HTTPTransport
import Hummingbird
public import Logging
import NIOCore
import ObjectStorage
public import Observability
import Pacing
public import ServiceLifecycle

/// An S3-compatible object storage over a plain folder: the part of MinIO that a single machine needs.
///
/// It has buckets, objects with user metadata, ranges and conditions, uploads in parts, listings, presigned addresses,
/// signatures (AWS Signature Version 4 in header, query and chunks), bucket notifications, and MinIO's webhook events, which wait
/// on the disk until their target has taken them. A change is on the disk before it is answered and happens whole or not at all.
/// It serves one process and one folder; it knows one key pair, and nothing of versions, policies or replicas.
public struct StorageServer: Service {
    /// How the server runs.
    public struct Configuration: Sendable {
        /// The address to listen on.
        public var host: String
        /// The port to listen on; 0 takes a free one.
        public var port: Int
        /// The folder that holds everything; it is made if it is missing.
        public var directory: URL
        /// The access key that clients sign with.
        public var accessKey: String
        /// The secret key that clients sign with.
        public var secretKey: String
        /// The region that buckets say they are in. Signatures for any region are accepted.
        public var region: String
        /// The targets that bucket notifications may name.
        public var webhooks: [WebhookTarget]
        /// How long to wait before an event that was not taken is sent for the second time.
        public var webhookInterval: Duration
        /// How long a connection may be silent between requests and inside them.
        public var idleTimeout: Duration
        /// How often an event that its target refuses is sent before it is set aside; pauses double from ``webhookInterval`` on.
        public var webhookAttempts = 8
        /// Bytes of the disk that uploads leave free; `nil` for a twentieth of it, at most 1 GiB.
        public var keptFree: Int?
        /// What one connection, and all connections of one address, may take.
        public var connections = ConnectionLimits()
        /// How many connections may be open; more wait.
        public var maxConnections = 4096
        /// PEM files of the server's certificate and key; with them it speaks TLS, and reads them again when they change.
        public var certificate: (file: String, key: String)?
        /// The origins whose pages may call from a browser.
        public var origins = AllowedOrigins()
        /// How often objects are looked for whose time is over.
        public var expiryInterval: Duration = .seconds(3600)
        /// The time that is; tests have their own.
        package var now: @Sendable () -> Date = { Date() }

        /// A configuration.
        public init(
            host: String = "127.0.0.1", port: Int = 9000, directory: URL, accessKey: String, secretKey: String,
            region: String = "us-east-1", webhooks: [WebhookTarget] = [], webhookInterval: Duration = .seconds(3),
            idleTimeout: Duration = .seconds(75)
        ) {
            self.host = host
            self.port = port
            self.directory = directory
            self.accessKey = accessKey
            self.secretKey = secretKey
            self.region = region
            self.webhooks = webhooks
            self.webhookInterval = webhookInterval
            self.idleTimeout = idleTimeout
        }
    }

    private let configuration: Configuration
    private let logger: Logger
    private let metrics: PrometheusRegistry
    private let onRunning: @Sendable (Int) async -> Void

    /// A server that ``run()`` starts.
    ///
    /// - Parameters:
    ///   - metrics: what its metrics show besides its own.
    ///   - onRunning: called with the port once requests are accepted.
    public init(
        configuration: Configuration, metrics: PrometheusRegistry = PrometheusRegistry(), logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        self.onRunning = onRunning
    }

    /// Serves until the task is cancelled or shut down gracefully; requests in flight are finished then.
    /// - Throws: ``StorageServerError`` when the folder cannot be used, and what the network throws when the port is taken.
    public func run() async throws {
        let (directory, targets, logger) = (configuration.directory.path, configuration.webhooks, logger)
        let now = configuration.now
        guard Set(targets.map(\.id)).count == targets.count else {
            throw StorageServerError("Two webhook targets have the same id: give each its own.")
        }
        let (catalog, deploymentID) = try await Disk.run {
            let catalog = try Catalog(directory: directory, targets: targets, logger: logger, now: now)
            return (catalog, try Self.deploymentID(directory))
        }
        let transport = CurlTransport()
        let retry = Backoff(
            attempts: configuration.webhookAttempts, first: configuration.webhookInterval, longest: .seconds(300))
        let deliveries = catalog.queues.map {
            EventDelivery(queue: $0, transport: transport, retry: retry, logger: logger)
        }
        let certificates = try configuration.certificate.map {
            try CertificateSource(certificate: $0.file, key: $0.key, logger: logger)
        }
        let rules = ConnectionRules(configuration.connections, refusal: Self.refusal)
        let authority = "\(configuration.host):\(configuration.port)"
        let service = S3Service(
            catalog: catalog,
            authenticator: Authenticator(
                credentials: S3Credentials(accessKey: configuration.accessKey, secretKey: configuration.secretKey),
                hosts: [authority, "localhost:\(configuration.port)", "127.0.0.1:\(configuration.port)"]),
            region: configuration.region, origin: "\(certificates == nil ? "http" : "https")://\(authority)",
            deploymentID: deploymentID, space: Space(directory: directory, kept: configuration.keptFree),
            deliveries: deliveries, rules: rules, metrics: metrics, now: now)
        let upkeep: [any Service] =
            deliveries + [
                Expiry(catalog: catalog, interval: configuration.expiryInterval, logger: logger)
            ]
        let application = Application(
            responder: S3Responder(service: service, origins: configuration.origins),
            server: .guarded(
                rules, certificates: certificates,
                configuration: .init(
                    idleTimeout: .seconds(configuration.idleTimeout.components.seconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 24 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 256))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "msaas-storage",
                backlog: 1024, availableConnectionsDelegate: .maximum(configuration.maxConnections, logger: logger)),
            services: certificates.map { upkeep + [$0] } ?? upkeep,
            onServerRunning: { [onRunning] in await onRunning($0.localAddress?.port ?? 0) }, logger: logger)
        // The registry may outlive this run, and must not keep the folder locked.
        try await metrics.collecting({ await service.write(to: &$0) }) { try await application.run() }
    }

    /// How a connection is answered that is no request, or whose body comes too slowly.
    private static func refusal(_ fault: ConnectionFault) -> ConnectionRules.Refusal {
        let failure: S3Failure =
            switch fault {
            case .malformedRequest: S3Failure(400, "BadRequest", "The request does not follow the rules of HTTP/1.1.")
            case .headersTooLarge: .headersTooLarge
            case .slowBody:
                S3Failure(
                    400, "RequestTimeout",
                    "Your socket connection to the server was not read from or written to within the timeout period.")
            }
        var xml = XMLWriter()
        xml.element("Error") { xml in
            xml.element("Code", failure.code)
            xml.element("Message", failure.message)
        }
        return .init(status: failure.status, contentType: "application/xml", body: Array(xml.text.utf8))
    }

    /// Names this storage in its answers; made once.
    private static func deploymentID(_ directory: String) throws -> String {
        let path = "\(directory)/deployment"
        if let known = try? Disk.read(path), !known.isEmpty { return String(decoding: known, as: UTF8.self) }
        let id = UUID().uuidString.lowercased()
        try Disk.remove(path)
        try Disk.write(Data(id.utf8), to: path)
        return id
    }
}

extension StorageServer: CustomStringConvertible {
    /// Its name only: service groups log their services, and the configuration holds secrets.
    public var description: String { "StorageServer" }
}

/// Why the storage server cannot start.
public struct StorageServerError: Error, CustomStringConvertible {
    /// The reason, a sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What the environment says of the S3 server.
public struct StorageSettings: Configurable {
    /// The keys that clients sign with.
    public var accessKey = ""
    /// Its other half.
    public var secretKey = ""
    /// The region that signatures name.
    public var region = "us-east-1"
    /// The bearer token that webhooks show.
    public var token = ""
    /// The origins whose pages may call from a browser.
    public var origins = AllowedOrigins()

    /// No keys, which the environment must name.
    public static let usual = StorageSettings()

    /// The variables.
    public static var settings: [Setting<StorageSettings>] {
        let need = "set S3_ACCESS_KEY and S3_SECRET_KEY to the keys that clients sign with"
        return [
            Setting("S3_ACCESS_KEY", \.accessKey, .text("its access key"), need: need),
            Setting("S3_SECRET_KEY", \.secretKey, .text("its secret key"), need: need, isSecret: true),
            Setting("S3_REGION", \.region, .text("a region")),
            Setting(
                "WEBHOOK_TOKEN", \.token, .text("a secret of one's own"), otherwise: "none", isSecret: true),
            Setting("MSAAS_ALLOWED_ORIGINS", \.origins, .origins, otherwise: "none"),
        ]
    }
}
