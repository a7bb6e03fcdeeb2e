import Foundation
import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
public import Observability
public import ServiceLifecycle

/// What a probe is told.
public struct ProbeAnswer: Sendable {
    /// The status of HTTP: 200, or 503 for what is not well.
    public var status: Int
    /// The type of ``body``.
    public var contentType: String
    /// What it says.
    public var body: [UInt8]

    /// An answer as it stands.
    public init(status: Int, contentType: String, body: [UInt8]) {
        (self.status, self.contentType, self.body) = (status, contentType, body)
    }

    /// All is well, or not, and a word about it.
    public init(_ isWell: Bool, _ word: String) {
        self.init(
            status: isWell ? 200 : 503, contentType: "text/plain; charset=utf-8", body: Array((word + "\n").utf8))
    }
}

/// Whether a program can do its work, and what of the things that it needs is missing.
public struct ReadinessReport: Encodable, Sendable, Equatable {
    /// `ready`, `degraded`, `unready` or `draining`.
    public var status: String
    /// The things' names with `ok` or `failed`.
    public var checks: [String: String]

    /// A report of its parts.
    public init(status: String, checks: [String: String]) { (self.status, self.checks) = (status, checks) }

    /// Whether work is to be sent here.
    public var isReady: Bool { status == "ready" || status == "degraded" }

    /// What a probe is told.
    public var answer: ProbeAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return ProbeAnswer(
            status: isReady ? 200 : 503, contentType: "application/json",
            body: Array((try? encoder.encode(self)) ?? Data()))
    }
}

/// Serves a program's `/healthz`, `/readyz` and `/metrics` on a port of their own, so that nothing that the program serves
/// otherwise keeps probes away, and nobody who may use the program sees its numbers.
public struct ProbeServer: Service, CustomStringConvertible {
    /// Which port to take.
    public enum Port: Sendable, Equatable {
        /// This one; 0 for any that is free.
        case fixed(Int)
        /// This one, or the next that is free: several programs may run on one machine.
        case from(Int)
    }

    private let host: String
    private let port: Port
    private let responder: ProbeResponder
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// A server; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - health: whether the program is alive: one that is not is started anew.
    ///   - readiness: whether it can do its work now.
    ///   - onListening: called with the port once connections are taken.
    public init(
        host: String, port: Port, metrics: PrometheusRegistry, logger: Logger,
        health: @escaping @Sendable () async -> ProbeAnswer, readiness: @escaping @Sendable () async -> ProbeAnswer,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        responder = ProbeResponder(pages: [
            "/healthz": health, "/readyz": readiness,
            "/metrics": {
                ProbeAnswer(
                    status: 200, contentType: PrometheusText.contentType, body: Array(await metrics.text().utf8))
            },
        ])
        self.logger = logger
        self.onListening = onListening
    }

    /// Its name.
    public var description: String { "ProbeServer" }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: what the network throws when the port is taken.
    public func run() async throws {
        switch port {
        case .fixed(let port): try await serve(at: port)
        case .from(let first):
            for candidate in first..<first + 100 {
                do { return try await serve(at: candidate) } catch let error as IOError
                    where error.errnoCode == EADDRINUSE
                {
                    continue
                }
            }
            try await serve(at: 0)
        }
    }

    /// Serves a few connections, since probers need no more.
    private func serve(at port: Int) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: responder, server: .http1(configuration: .init(idleTimeout: .seconds(10))),
            configuration: .init(
                address: .hostname(host, port: port), backlog: 64,
                availableConnectionsDelegate: .maximum(64, logger: quiet)),
            onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
            logger: quiet)
        try await application.run()
    }
}

private struct ProbeResponder: HTTPResponder {
    let pages: [String: @Sendable () async -> ProbeAnswer]

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let answer: ProbeAnswer
        var headers: HTTPFields = [.cacheControl: "no-store"]
        if let page = pages[request.uri.path] {
            if request.method == .get || request.method == .head {
                answer = await page()
            } else {
                headers[.allow] = "GET, HEAD"
                answer = ProbeAnswer(status: 405, contentType: "text/plain", body: Array("only GET and HEAD\n".utf8))
            }
        } else {
            answer = ProbeAnswer(
                status: 404, contentType: "text/plain", body: Array("/healthz, /readyz and /metrics are here\n".utf8))
        }
        headers[.contentType] = answer.contentType
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}
