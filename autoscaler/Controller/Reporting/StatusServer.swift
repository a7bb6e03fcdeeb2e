import Hummingbird
public import Logging
public import ServiceLifecycle

/// Serves `/healthz` (200, or 503 when no rounds are made) and `/metrics` (Prometheus text).
public struct StatusServer: Service {
    private let status: ControllerStatus
    private let host: String
    private let port: Int
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// A server; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - port: 0 for any that is free.
    ///   - onListening: called with the port once connections are taken.
    public init(
        status: ControllerStatus, host: String, port: Int, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.status = status
        self.host = host
        self.port = port
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown.
    public func run() async throws {
        let router = Router()
        router.get("/healthz") { [status] _, _ in
            let isHealthy = status.isHealthy
            let word = isHealthy ? status.isLeading ? "leading\n" : "following\n" : "no rounds are made\n"
            return Response(
                status: isHealthy ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: word)))
        }
        router.get("/metrics") { [status] _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: status.text())))
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: quiet)
        try await application.run()
    }
}
