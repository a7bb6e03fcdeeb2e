import Encodings
import Foundation
import FunctionHost
import HTTPTransport
import Kubernetes
import KubernetesDouble
import Synchronization
import TestSupport

/// A function that takes its time: 50 ms a request.
private struct SlowFunction: Function {
    static let manifest = Array(
        """
        name: slow
        routes: [{path: /slow, methods: [GET]}]
        limits: {maxConcurrency: 400, targetConcurrency: 20}
        """.utf8)

    init(environment: FunctionEnvironment) {}
    init() {}

    func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        try await Task.sleep(for: .milliseconds(50))
        return .text("done")
    }
}

/// Pods of a function on the double: real hosts in this process, each on a port of its own, which their pods' annotations name.
/// A pod that is told to end takes no more requests and finishes what it has.
final class FunctionPods: Sendable {
    private let cluster: ClusterDouble
    private let hosts = Mutex<[String: RunningService]>([:])
    private let turn = Atomic<Int>(0)
    private let transport = CurlTransport()

    init(_ cluster: ClusterDouble) { self.cluster = cluster }

    /// The pods that take requests.
    var ports: [Int] { hosts.withLock { $0.sorted { $0.key < $1.key }.map(\.value.port) } }

    func start(_ pod: String) async {
        do {
            var configuration = HostConfiguration(port: 0)
            configuration.concurrency = 100_000
            configuration.connections.perAddress = 100_000
            let host = try await RunningService { [configuration] logger, listening in
                try FunctionHost(functions: [SlowFunction()], configuration: configuration, logger: logger) {
                    listening($0)
                }
            }
            try cluster.patch(
                .pods, pod,
                [
                    "metadata": [
                        "annotations": [
                            "prometheus.io/scrape": "true", "prometheus.io/port": .string("\(host.port)"),
                        ]
                    ],
                    "status": ["podIP": "127.0.0.1"],
                ])
            hosts.withLock { $0[pod] = host }
        } catch {
            print("the pod \(pod) does not start: \(error)")
        }
    }

    func end(_ pod: String) async {
        let host = hosts.withLock { $0.removeValue(forKey: pod) }
        // A task of its own: the hosts end well, also when the test is over.
        await Task { try? await host?.stop() }.value
    }

    /// Sends one request to the pod whose turn it is; what it was answered.
    func send() async -> Int {
        let ports = ports
        guard !ports.isEmpty else { return 0 }
        let port = ports[turn.add(1, ordering: .relaxed).oldValue % ports.count]
        do {
            let answer = try await transport.send(
                HTTPRequest(method: "GET", url: "http://127.0.0.1:\(port)/slow"))
            _ = try await answer.body.collect(limit: 1 << 16)
            return answer.status
        } catch { return -1 }
    }
}
