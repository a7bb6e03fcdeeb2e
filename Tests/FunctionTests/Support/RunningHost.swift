import Foundation
import FunctionHost
import HTTPTransport
import Logging
import Observability
import ServiceLifecycle
import Synchronization
import TestSupport

/// A host that runs in this process on a free port while `body` runs.
func withHost<Value: Sendable>(
    _ functions: [any Function], metrics: PrometheusRegistry = PrometheusRegistry(), log: LogLines = LogLines(),
    configure: (inout HostConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (RunningHost) async throws -> Value
) async throws -> Value {
    var configuration = HostConfiguration(port: 0)
    configuration.drainTimeout = .seconds(10)
    configure(&configuration)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let (probePorts, probePort) = AsyncStream.makeStream(of: Int.self)
    let host = try FunctionHost(
        functions: functions, configuration: configuration, metrics: metrics, logger: log.logger,
        onListening: { port.yield($0) }, onProbing: { probePort.yield($0) })
    let group = ServiceGroup(
        services: [host], logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer {
                port.finish()
                probePort.finish()
            }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw TestFailure("the host did not listen") }
        var probeIterator = probePorts.makeAsyncIterator()
        let probes = configuration.probePort == nil ? nil : await probeIterator.next()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(RunningHost(port: port, probePort: probes, group: group, log: log)))
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return try result.get()
    }
}

struct RunningHost: Sendable {
    let port: Int
    let probePort: Int?
    let group: ServiceGroup
    let log: LogLines
    private let transport = CurlTransport()

    init(port: Int, probePort: Int? = nil, group: ServiceGroup, log: LogLines) {
        self.port = port
        self.probePort = probePort
        self.group = group
        self.log = log
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func send(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty
    ) async throws -> Reply {
        let response = try await open(method, path, headers: headers, body: body)
        return Reply(
            status: response.status, headers: response.headers, body: try await response.body.collect(limit: 1 << 28))
    }

    func open(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty
    ) async throws -> HTTPResponse {
        try await transport.send(
            HTTPRequest(
                method: method, url: url + path, headers: headers, body: body,
                timeouts: HTTPTimeouts(idle: .seconds(60), total: .seconds(120))))
    }

    func get(_ path: String, headers: HTTPHeaders = [:]) async throws -> Reply {
        try await send("GET", path, headers: headers)
    }
}

/// An answer, read to its end.
struct Reply: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The members of a JSON object that are text or numbers, as text.
    var json: [String: String] {
        let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
        return object.mapValues { "\($0)" }
    }

    /// The last word of a problem's type, or a note that this is no problem.
    var problem: String {
        guard headers["Content-Type"] == "application/problem+json" else { return "(no problem: \(status) \(text))" }
        return json["type"]?.split(separator: ":").last.map(String.init) ?? ""
    }

    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: body)
    }
}

/// Collects log lines.
final class LogLines: Sendable {
    private let collected = Mutex<[String]>([])

    var lines: [String] { collected.withLock { $0 } }

    var logger: Logger {
        Logger(label: "host") { label in
            JSONLogHandler(label: label) { line in self.collected.withLock { $0.append(line) } }
        }
    }
}
