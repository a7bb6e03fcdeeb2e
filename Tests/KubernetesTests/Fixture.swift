import Encodings
import Streams
import Foundation
import HTTPTransport
import Kubernetes
import Synchronization
import TestSupport

/// An exchange recorded from a real API server.
struct Fixture {
    var status: Int
    var headers: HTTPHeaders
    var body: Data

    init(_ name: String) throws {
        guard let url = Bundle.module.url(forResource: name, withExtension: "http", subdirectory: "Fixtures") else {
            throw TestFailure("there is no fixture \(name)")
        }
        let text = try String(contentsOf: url, encoding: .utf8).replacingOccurrences(of: "\r\n", with: "\n")
        guard let gap = text.range(of: "\n\n") else { throw TestFailure("\(name) has no body") }
        // A sentence about the request, the status line, the header fields.
        let head = text[..<gap.lowerBound].split(separator: "\n").dropFirst()
        status = head.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        headers = HTTPHeaders(
            head.dropFirst().map { line in
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                return (parts[0], parts.count > 1 ? parts[1] : "")
            })
        body = Data(text[gap.upperBound...].utf8)
    }

    var json: JSONValue { get throws { try JSONDecoder.kubernetes.decode(JSONValue.self, from: body) } }
    var response: HTTPResponse { HTTPResponse(status: status, headers: headers, body: ByteStream(body)) }
}

/// Answers from a list, and keeps the requests.
final class Replay: HTTPTransport {
    private let answers: Mutex<[@Sendable () throws -> HTTPResponse]>
    private let log = Mutex<[HTTPRequest]>([])

    init(_ answers: [@Sendable () throws -> HTTPResponse]) { self.answers = Mutex(answers) }

    convenience init(_ names: String...) throws {
        self.init(try names.map { try Fixture($0) }.map { fixture in { fixture.response } })
    }

    var requests: [HTTPRequest] { log.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        log.withLock { $0.append(request) }
        guard let answer = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
            throw TestFailure("there is no answer left for \(request.method) \(request.url)")
        }
        return try answer()
    }
}

/// Values that come from anywhere.
final class Recorder<Value: Sendable>: Sendable {
    private let all = Mutex<[Value]>([])
    var values: [Value] { all.withLock { $0 } }
    func add(_ value: Value) { all.withLock { $0.append(value) } }
}

extension RetryPolicy {
    /// Repeats without waiting, and says how long it would have waited.
    static func recording(_ pauses: Recorder<Duration>, attempts: Int = 4) -> RetryPolicy {
        var policy = RetryPolicy(attempts: attempts)
        policy.generator = Constant(bits: 0)
        policy.sleep = { pause in
            pauses.add(pause)
            try Task.checkCancellation()
        }
        return policy
    }

    /// Repeats after a millisecond or a few.
    static var quick: RetryPolicy {
        RetryPolicy(attempts: 2, first: .milliseconds(1), longest: .milliseconds(5))
    }
}

extension KubernetesClient {
    /// A client whose answers come from `transport`.
    init(_ transport: any HTTPTransport, retry: RetryPolicy = .never) {
        self.init(
            ClusterConfiguration(server: "https://cluster.test", namespace: "msaas"), transport: transport, retry: retry
        )
    }
}

extension HTTPResponse {
    /// 200 with a text.
    static func json(_ text: String) -> HTTPResponse { HTTPResponse(status: 200, body: ByteStream(Data(text.utf8))) }
}
