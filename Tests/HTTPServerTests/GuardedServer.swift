import HTTPServer
import Hummingbird
import HummingbirdCore
import TestSupport

/// A server behind a ``ConnectionGuard`` on a free port: `/take` reads its body, `/refuse` answers 401 and does not.
final class GuardedServer: Sendable {
    let rules: ConnectionRules
    /// How the reading of each body at `/take` ended.
    let bodies: AsyncStream<String>
    private let service: RunningService

    var port: Int { service.port }

    init(_ limits: ConnectionLimits = ConnectionLimits(), certificates: CertificateSource? = nil) async throws {
        let rules = ConnectionRules(limits) { fault in
            ConnectionRules.Refusal(
                status: fault == .slowBody ? 408 : 400, contentType: "text/plain", body: Array("\(fault)".utf8))
        }
        self.rules = rules
        let (bodies, ended) = AsyncStream.makeStream(of: String.self)
        self.bodies = bodies
        let router = Router()
        router.get("/") { _, _ in Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "here"))) }
        router.post("take") { request, _ in
            do {
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                ended.yield("\(count)")
                return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "\(count)")))
            } catch {
                ended.yield("\(type(of: error))")
                throw error
            }
        }
        router.post("refuse") { _, _ in
            Response(status: .unauthorized, body: ResponseBody(byteBuffer: ByteBuffer(string: "no")))
        }
        service = try await RunningService { logger, listens in
            Application(
                router: router, server: .guarded(rules, certificates: certificates, configuration: .init()),
                configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { listens($0.localAddress?.port ?? 0) }, logger: logger)
        }
    }
}
