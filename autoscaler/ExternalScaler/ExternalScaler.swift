import EnvironmentSettings
import GRPCCore
import GRPCNIOTransportHTTP2Posix
public import Logging
import NIOCertificateReloading
import Policy
public import ServiceLifecycle

/// KEDA's external scaler: KEDA asks over gRPC, and gets what ``Recommender`` says.
///
/// The metric `workers` is the number that there should be, with a target of 1 for each replica, so that the
/// HorizontalPodAutoscaler that KEDA makes sets that number. From and to zero KEDA goes by itself, by `IsActive`, and at once by
/// `StreamIsActive`.
///
/// | KEDA gets | when |
/// |---|---|
/// | the number | the queue was read |
/// | `UNAVAILABLE` | it was not; then KEDA keeps the number, or takes the ScaledObject's `fallback` |
/// | `INVALID_ARGUMENT` with a sentence | the trigger names another Deployment, says what there is no setting for, or asks for another metric |
/// | `UNIMPLEMENTED` | it asks for changes of the target (`StreamMetricSpec`), which never changes |
struct ExternalScaler: RegistrableRPCService {
    /// The only metric.
    static let metric = "workers"
    /// What KEDA itself reads of a trigger's metadata, and hands on.
    private static let addressed: Set = [
        "scalerAddress", "enableTLS", "unsafeSsl", "tlsCertFile", "caCert", "tlsClientCert", "tlsClientKey",
    ]

    let recommender: Recommender
    /// The Deployment whose number is recommended.
    let deployment: String

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        answer("IsActive", in: &router) { (object: ScaledObject) in
            try check(object)
            return Activity(isActive: try recommendation() > 0)
        }
        answer("GetMetricSpec", in: &router) { (object: ScaledObject) in
            try check(object)
            return Metric(name: Self.metric, value: 1)
        }
        answer("GetMetrics", in: &router) { (request: MetricsRequest) in
            try check(request.object)
            guard request.metric == Self.metric else {
                throw refusal("There is no metric “\(request.metric)”; ask for \(Self.metric).")
            }
            return Metric(name: Self.metric, value: try recommendation())
        }
        router.registerHandler(
            forMethod: method("StreamIsActive", .serverStreaming), deserializer: ProtobufDeserializer<ScaledObject>(),
            serializer: ProtobufSerializer<Activity>()
        ) { request, context in
            try check(try await ServerRequest(stream: request).message)
            return StreamingServerResponse { writer in
                await push(to: writer, until: context.cancellation)
                return [:]
            }
        }
    }

    /// A call with one answer.
    private func answer<Request: ProtobufReadable & Sendable, Answer: ProtobufWritable & Sendable, Transport>(
        _ name: String, in router: inout RPCRouter<Transport>,
        _ body: @escaping @Sendable (Request) throws -> Answer
    ) {
        router.registerHandler(
            forMethod: method(name, .unary), deserializer: ProtobufDeserializer<Request>(),
            serializer: ProtobufSerializer<Answer>()
        ) { request, _ in
            let message = try await ServerRequest(stream: request).message
            return StreamingServerResponse(single: ServerResponse(message: try body(message)))
        }
    }

    private func method(_ name: String, _ type: MethodDescriptor.RPCType) -> MethodDescriptor {
        MethodDescriptor(fullyQualifiedService: "externalscaler.ExternalScaler", method: name, type: type)
    }

    /// Says at once when the first job has come, and when the last worker may go. While Redis is away the stream stays open: were it ended,
    /// KEDA would wait up to a minute before it listens again.
    private func push(to writer: RPCWriter<Activity>, until cancellation: ServerContext.RPCCancellationHandle) async {
        await withTaskGroup(of: Void.self) { group in
            // gRPC tells of a client that is gone in its own way, which cancels no task.
            group.addTask { try? await cancellation.cancelled }
            group.addTask {
                for await isActive in recommender.activity() {
                    guard (try? await writer.write(Activity(isActive: isActive))) != nil else { return }
                }
            }
            _ = await group.next()
            group.cancelAll()
        }
    }

    private func recommendation() throws -> Int {
        switch recommender.current {
        case .known(let recommendation): return recommendation.workers
        case .unknown(let why): throw RPCError(code: .unavailable, message: "Nothing can be recommended: \(why)")
        }
    }

    /// A trigger that was meant for something else must not get this number.
    private func check(_ object: ScaledObject) throws {
        guard !object.name.isEmpty else { throw refusal("The request names no ScaledObject.") }
        let place = "The trigger of the ScaledObject \(object.namespace)/\(object.name)"
        if let other = object.metadata.keys.sorted().first(where: { $0 != "deployment" && !Self.addressed.contains($0) }
        ) {
            throw refusal(
                "\(place) says “\(other)”, which there is no setting for; write deployment: \(deployment) and nothing else. The bounds are "
                    + "min-replicas and max-replicas of this scaler.")
        }
        guard let named = object.metadata["deployment"] else {
            throw refusal("\(place) does not say for which Deployment it is; write deployment: \(deployment).")
        }
        guard named == deployment else {
            throw refusal(
                "\(place) asks for the Deployment “\(named)”, but this scaler knows the queue of \(deployment) only.")
        }
    }

    private func refusal(_ sentence: String) -> RPCError { RPCError(code: .invalidArgument, message: sentence) }
}

/// Serves an external scaler until graceful shutdown.
public struct ExternalScalerServer: Service {
    /// A certificate and its key, as PEM files.
    public struct Certificate: Sendable, Equatable {
        /// The server's certificate, followed by those between it and its authority.
        public var chain: String
        /// Its private key.
        public var key: String

        /// Both.
        public init(chain: String, key: String) { (self.chain, self.key) = (chain, key) }
    }

    /// So many calls of one connection at the same time; each ScaledObject holds one open.
    private static let mostStreams = 100
    /// A request holds a few names.
    private static let longestRequest = 64 << 10
    /// A client that says nothing for so long is asked whether it is there.
    private static let silence = Duration.seconds(60)
    /// How soon a new certificate is in use.
    private static let certificatePause = Duration.seconds(10)

    private let scaler: ExternalScaler
    private let host: String
    private let port: Int
    private let certificate: Certificate?
    private let logger: Logger

    /// A server; it listens from ``run()`` on.
    ///
    /// - Parameters:
    ///   - deployment: whose number is recommended; triggers have to name it.
    ///   - host: an IPv4 address, or an IPv6 address in brackets.
    ///   - port: the port; 0 for a free one.
    ///   - certificate: with it, TLS is spoken (1.2 or newer); it is read again when its files change.
    public init(
        _ recommender: Recommender, deployment: String, host: String, port: Int, certificate: Certificate?,
        logger: Logger
    ) {
        scaler = ExternalScaler(recommender: recommender, deployment: deployment)
        self.host = host
        self.port = port
        self.certificate = certificate
        self.logger = logger
    }

    /// Listens and answers.
    ///
    /// - Throws: `ConfigurationError` when the address or the certificate cannot be used.
    public func run() async throws {
        let reloader = try certificate.map(Self.reloader)
        let server = GRPCServer(transport: try transport(reloader), services: [scaler])
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do { try await server.serve() } catch let error as RuntimeError {
                        throw ConfigurationError(
                            "\(host):\(port) cannot be listened on: \(error.cause.map { "\($0)" } ?? error.message)")
                    }
                }
                group.addTask {
                    guard let address = try await server.listeningAddress else { return }
                    logger.info("serving KEDA's external scaler", metadata: ["address": "\(address)"])
                }
                if let reloader { group.addTask { try await cancelWhenGracefulShutdown { try await reloader.run() } } }
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }

    private func transport(_ reloader: TimedCertificateReloader?) throws -> HTTP2ServerTransport.Posix {
        let isSix = host.hasPrefix("[")
        let bare = isSix ? String(host.dropFirst().prefix { $0 != "]" }) : host
        return .http2NIOPosix(
            address: isSix ? .ipv6(host: bare, port: port) : .ipv4(host: bare, port: port),
            transportSecurity: try reloader.map { try .tls(certificateReloader: $0) } ?? .plaintext,
            config: .defaults { config in
                config.rpc.maxRequestPayloadSize = Self.longestRequest
                config.http2.maxConcurrentStreams = Self.mostStreams
                config.connection.keepalive.time = Self.silence
            })
    }

    private static func reloader(_ certificate: Certificate) throws -> TimedCertificateReloader {
        do {
            return try .makeReloaderValidatingSources(
                refreshInterval: certificatePause,
                certificateSource: .init(location: .file(path: certificate.chain), format: .pem),
                privateKeySource: .init(location: .file(path: certificate.key), format: .pem))
        } catch {
            throw ConfigurationError(
                "The certificate \(certificate.chain) with the key \(certificate.key) cannot be used: \(error)")
        }
    }
}
