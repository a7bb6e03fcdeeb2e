import Foundation
import Hummingbird
import Kubernetes
import Logging
import NIOCore
import Pacing

/// A ``ClusterDouble`` on a socket of 127.0.0.1.
public struct DoubleServer: Sendable {
    /// The cluster.
    public let cluster: ClusterDouble
    /// Where it listens.
    public let port: Int

    /// The server's address.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// Serves `cluster` while `body` runs.
    public static func with<Value: Sendable>(
        _ cluster: ClusterDouble = ClusterDouble(), body: (DoubleServer) async throws -> Value
    ) async throws -> Value {
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "kubernetes-double")
        logger.logLevel = .critical
        let application = Application(
            responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
                try await respond(to: request, cluster)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { announce.finish() }
                try await application.run()
            }
            guard let port = await ports.first(where: { _ in true }) else {
                try await group.next()
                throw CancellationError()
            }
            defer { group.cancelAll() }
            return try await body(DoubleServer(cluster: cluster, port: port))
        }
    }

    private static func respond(to request: Request, _ cluster: ClusterDouble) async throws -> Response {
        let body = try await request.body.collect(upTo: 4 << 20)
        let question = Question(
            method: request.method.rawValue, path: request.uri.path, target: request.uri.string,
            query: Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { $1 },
            authorization: request.headers[.authorization], contentType: request.headers[.contentType],
            body: Data(body.readableBytesView))
        var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-cache, private"]
        switch cluster.answer(question) {
        case .hangUp:
            return Response(status: .ok, headers: headers, body: ResponseBody(contentLength: 100) { _ in throw Torn() })
        case .object(let code, let object, let retryAfter):
            if let retryAfter { headers[.retryAfter] = String(retryAfter) }
            let data = try JSONEncoder.kubernetes.encode(object)
            return Response(
                status: .init(code: code), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
        case .watch(let lines, let end):
            let seconds = question.query["timeoutSeconds"].flatMap { Int($0) }
            return Response(
                status: .ok, headers: headers, body: ResponseBody { try await write(lines, end, seconds, to: &$0) })
        }
    }

    /// Writes the lines of a watch as they come, until its time is over.
    private static func write(
        _ lines: AsyncStream<ClusterDouble.WatchLine>, _ end: AsyncStream<ClusterDouble.WatchLine>.Continuation,
        _ seconds: Int?, to writer: inout any ResponseBodyWriter
    ) async throws {
        async let _: Void = {
            guard let seconds, await pause(for: .seconds(seconds)) else { return }
            end.finish()
        }()
        // The head goes out with the first bytes; a reader skips empty lines.
        try await writer.write(ByteBuffer(string: "\n"))
        for await line in lines {
            guard case .line(let data) = line else {
                try await writer.write(ByteBuffer(string: "{\"type\":\"MODIFIED\",\"obj"))
                throw Torn()
            }
            try await writer.write(ByteBuffer(bytes: data))
        }
        try await writer.finish(nil)
    }

    private struct Torn: Error {}
}
