import Foundation
import FunctionHost
import Synchronization

/// Tells what it was asked.
struct EchoFunction: Function {
    static let manifest = Array(
        """
        name: echo
        routes:
          - path: /echo
            methods: [GET, HEAD, POST]
          - path: /echo/special
            methods: [GET]
          - path: /echo/{name}
            methods: [GET]
        limits:
          maxBody: 1MiB
          timeout: 20s
          maxConcurrency: 2000
        """.utf8)

    struct Answer: Codable {
        var method: String
        var route: String
        var parameters: [String: String]
        var query: [String]
        var bytes: Int
        var trace: String
    }

    var bodyErrors = Recorder<String>()
    var checks: [ReadinessCheck] = []

    init(environment: FunctionEnvironment) {}
    init(bodyErrors: Recorder<String> = Recorder(), checks: [ReadinessCheck] = []) {
        self.bodyErrors = bodyErrors
        self.checks = checks
    }

    var readinessChecks: [ReadinessCheck] { checks }

    func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        var bytes = 0
        if request.query["unread"] == nil {
            do {
                for try await chunk in request.body { bytes += chunk.readableBytes }
            } catch {
                bodyErrors.add("\(error)")
                throw error
            }
        }
        return try .json(
            Answer(
                method: request.method, route: request.route, parameters: request.parameters,
                query: request.query.items.map { "\($0.name)=\($0.value)" }, bytes: bytes,
                trace: context.trace.traceparent))
    }
}

/// Waits until it is let go.
struct GateFunction: Function {
    static let manifest = Array(
        """
        name: gate
        routes: [{path: /gate, methods: [GET]}, {path: /gate/long, methods: [GET], maxConcurrency: 1}]
        limits: {maxConcurrency: 2, timeout: 60s}
        """.utf8)

    let gate: Gate

    init(environment: FunctionEnvironment) { gate = Gate() }
    init(gate: Gate) { self.gate = gate }

    func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        try await gate.pass()
        return .text("through")
    }
}

/// Goes wrong in the way that its path says.
struct TroubleFunction: Function {
    static let manifest = Array(
        """
        name: trouble
        routes: [{path: "/trouble/{kind}", methods: [GET]}]
        limits: {timeout: 300ms}
        """.utf8)

    struct Secret: Error, CustomStringConvertible { let description = "the password is swordfish" }

    var cancelled = Recorder<String>()
    var written = Recorder<Int>()
    var ended = Recorder<String>()

    init(environment: FunctionEnvironment) {}
    init() {}

    func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        switch request.parameters["kind"] {
        case "error": throw Secret()
        case "problem": throw Problem.conflict("Try it tomorrow.")
        case "slow":
            do {
                try await Task.sleep(for: .seconds(600))
            } catch {
                cancelled.add("yes")
                throw error
            }
        case "short": return FunctionResponse(body: .stream(length: 100) { try await $0.write(Data("short".utf8)) })
        case "broken":
            return FunctionResponse(
                body: .stream(length: nil) {
                    try await $0.write(Data("half".utf8))
                    throw Secret()
                })
        case "endless":
            return FunctionResponse(
                body: .stream(length: nil) { [written, ended] writer in
                    do {
                        while true {
                            try await writer.write(Data(count: 1 << 20))
                            written.add(1 << 20)
                        }
                    } catch {
                        ended.add("\(error)")
                        throw error
                    }
                })
        case "header":
            return FunctionResponse(headers: [.contentDisposition: "a\r\nX-Evil: yes"], body: .bytes(Data("ok".utf8)))
        default: break
        }
        return .text("fine")
    }
}

/// Keeps what it is given.
final class Recorder<Value: Sendable>: Sendable {
    private let all = Mutex<[Value]>([])
    var values: [Value] { all.withLock { $0 } }
    func add(_ value: Value) { all.withLock { $0.append(value) } }
}

/// Holds up those who come until it is opened.
actor Gate {
    private var isOpen = false
    private(set) var waiting = 0

    func pass() async throws {
        waiting += 1
        defer { waiting -= 1 }
        while !isOpen { try await Task.sleep(for: .milliseconds(5)) }
    }

    func open() { isOpen = true }
}
