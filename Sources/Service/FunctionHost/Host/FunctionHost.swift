import HTTPServer
import Hummingbird
import Logging
public import Observability
import NIOCore
import ServiceLifecycle

/// Serves functions over HTTP/1.1.
///
/// When the surrounding service group shuts down gracefully, `/readyz` turns 503, after the drain delay no new
/// connection is taken, requests in flight finish, and after the drain timeout the rest is cut off.
public struct FunctionHost: Service {
    private let dispatcher: Dispatcher
    private let readiness: Readiness
    private let metrics: PrometheusRegistry
    private let upkeep: [any Service]
    private let configuration: HostConfiguration
    private let state: HostState
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void
    private let onProbing: @Sendable (Int) async -> Void

    /// Reads the functions' manifests.
    ///
    /// - Parameters:
    ///   - metrics: what `/metrics` shows; give the registry that `MetricsSystem` was bootstrapped with.
    ///   - tracer: what is told of requests.
    ///   - onListening: called with the port once connections are taken.
    ///   - onProbing: called with the probes' port, if there is one, once it answers.
    /// - Throws: ``ConfigurationError`` when a manifest is wrong, two functions want the same path, or the host would be open
    ///   to others without having been told so.
    public init(
        functions: [any Function], configuration: HostConfiguration, metrics: PrometheusRegistry = PrometheusRegistry(),
        tracer: Tracer = Tracer(), logger: Logger, onListening: @escaping @Sendable (Int) async -> Void = { _ in },
        onProbing: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        if functions.contains(where: { $0.token == nil }) { try configuration.checkAccess() }
        let deployments = try functions.map(ServedFunction.init)
        let state = HostState()
        let readiness = Readiness(functions, state: state, logger: logger)
        dispatcher = Dispatcher(
            table: try RouteTable(deployments),
            builtIn: BuiltInRoutes(
                readiness: readiness, metrics: metrics, deployments: deployments,
                hidesMetrics: configuration.probePort != nil),
            gatekeeper: Gatekeeper(configuration),
            sessions: Sessions(keys: configuration.keys, signer: configuration.signer), origins: configuration.origins,
            speaksTLS: configuration.certificate != nil, proxies: configuration.trustedProxies, state: state,
            metrics: HostMetrics(
                registry: metrics,
                targets: Dictionary(
                    deployments.map { ($0.manifest.name, $0.manifest.limits.targetConcurrency) }, uniquingKeysWith: max)
            ),
            tracer: tracer, logger: logger)
        self.readiness = readiness
        self.metrics = metrics
        upkeep = functions.flatMap(\.upkeep)
        self.configuration = configuration
        self.state = state
        self.logger = logger
        self.onListening = onListening
        self.onProbing = onProbing
    }

    /// Serves until the surrounding service group shuts down.
    public func run() async throws {
        let certificates = try configuration.certificate.map {
            try CertificateSource(certificate: $0.file, key: $0.key, logger: logger)
        }
        let application = Application(
            responder: dispatcher,
            server: .guarded(
                ConnectionRules(
                    configuration.connections,
                    isExempt: { [proxies = configuration.trustedProxies] in proxies.contain($0.ipAddress ?? "") },
                    refusal: { fault in
                        ConnectionRules.Refusal(
                            status: Problem(fault).status, contentType: "application/problem+json",
                            body: Array(Problem(fault).json(requestID: RequestID.random())))
                    }),
                certificates: certificates,
                configuration: .init(
                    idleTimeout: TimeAmount(configuration.idleTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: HostLimits.headerFieldSize, maxHeaderListSize: HostLimits.headerListSize,
                        maxHeaderFieldCount: HostLimits.headerCount))),
            configuration: .init(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024,
                availableConnectionsDelegate: .maximum(configuration.maxConnections, logger: logger)),
            onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: Self.quieter(logger))
        // Shut down from the last to the first: the upkeep, the delay, then the server, then the watchdog.
        var services: [any Service] = [
            KeyFileWatch(keys: configuration.keys, interval: .seconds(2), logger: logger),
            StallWatchdog(state: state, limit: configuration.stallTimeout), application,
            DrainDelay(state: state, delay: configuration.drainDelay),
        ]
        services += upkeep
        if let certificates { services.append(certificates) }
        if let port = configuration.probePort {
            services.append(
                ProbeServer(
                    host: configuration.host, port: .fixed(port), metrics: metrics, logger: logger,
                    health: { BuiltInRoutes.health }, readiness: { [readiness] in await readiness.report().answer },
                    onListening: onProbing))
        }
        var group = ServiceGroupConfiguration(services: services, logger: Self.quieter(logger))
        group.maximumGracefulShutdownDuration = configuration.drainDelay + configuration.drainTimeout
        try await ServiceGroup(configuration: group).run()
    }

    private static func quieter(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
