import Controller
import Foundation
import Jobs
import Kubernetes
import KubernetesDouble
import Logging
import Policy
import ServiceContract
import Synchronization
import TestSupport
import Testing

/// A flood of requests at a function whose pods are real hosts, on the double of the API server: it grows, nobody is refused, and it
/// shrinks again. `make bench-functions` sends 2,000 a second at the default settings and prints how long that takes.
@Suite(.serialized, .timeLimit(.minutes(8))) struct FunctionScalingTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rate = environment["FLOOD_RATE"].flatMap { Int($0) }

    @Test func aFlood() async throws {
        let isBenchmark = Self.rate != nil
        let rate = Self.rate ?? 400
        let cluster = ClusterDouble()
        try cluster.put(
            .deployments,
            [
                "metadata": ["name": "slow"],
                "spec": [
                    "replicas": 1, "selector": ["matchLabels": ["app": "slow"]],
                    "template": [
                        "metadata": ["labels": ["app": "slow"]], "spec": ["containers": [["name": "function"]]],
                    ],
                ],
            ])
        let pods = FunctionPods(cluster)
        var replicaSet = ReplicaSetDouble(cluster, deployment: "slow")
        replicaSet.onStart = { await pods.start($0.name) }
        replicaSet.onTermination = { await pods.end($0.name) }
        var settings = ConcurrencySettings()
        settings.maxReplicas = 12
        if !isBenchmark { (settings.stableWindow, settings.targetConcurrency) = (.seconds(3), 4) }
        let policy = try ConcurrencyPolicy(settings)

        try await Stage.with { [replicaSet] stage in
            try await DoubleServer.with(cluster) { server async throws in
                let controllers = Task { await replicaSet.run() }
                defer { controllers.cancel() }
                let logger = Logger(label: "functions") { _ in SwiftLogNoOpLogHandler() }
                let target = KubernetesTarget(
                    client: server.client(), deployment: "slow", room: .none, identity: "a", logger: logger)
                let controller = Controller(
                    policy: try ScalingPolicy(quickSettings()), queue: stage.queue,
                    target: KubernetesTarget(
                        client: stage.server.client(), deployment: "worker", identity: "a", logger: logger),
                    functions: [ScaledFunction(name: "slow", policy: policy, target: target)],
                    leadership: SoleLeadership(identity: "a"),
                    options: ControllerOptions(interval: isBenchmark ? .seconds(1) : .milliseconds(250)),
                    logger: logger)
                try await stage.running(controller) {
                    try await eventually("its pod answers, and is watched") {
                        try await Self.row(stage)?.inFlight != nil && pods.ports.count == 1
                    }
                    #expect(cluster.scalings().isEmpty)
                    let flood = Flood(pods)
                    let begin = ContinuousClock.now
                    async let flooding: Void = flood.send(rate: rate, for: isBenchmark ? .seconds(30) : .seconds(6))
                    try await cluster.until { !$0.scalings().isEmpty }
                    let first = ContinuousClock.now - begin
                    try await eventually("pods enough are up") {
                        pods.ports.count >= 3 && pods.ports.count == cluster.replicas(of: "slow")
                    }
                    let up = ContinuousClock.now - begin
                    await flooding
                    let (peak, end) = (cluster.scalings().max() ?? 0, ContinuousClock.now)
                    let row = try #require(try await Self.row(stage))
                    #expect(row.replicas.now.map { $0 <= peak } == true && row.perPod.map { $0 > 0 } == true)
                    try await eventually("it is small again", within: .seconds(240)) {
                        cluster.replicas(of: "slow") == 1 && pods.ports.count == 1
                    }
                    let answers = flood.answers
                    print(
                        """
                        \(answers.values.reduce(0, +)) requests at \(rate) a second: first patch after \(first), \
                        pods ready after \(up), \(peak) at most, \(cluster.scalings()), back to 1 \
                        \(ContinuousClock.now - end) after the end; answers \(answers)
                        """)
                    #expect(answers.keys.sorted() == [200], "nobody is refused, and no request is cut off")
                    #expect(cluster.notes("ScaledUp").contains { $0.contains(" in flight over ") })
                    #expect(try await Self.row(stage)?.lastChange?.to == 1)
                }
            }
        }
    }

    private static func row(_ stage: Stage) async throws -> FunctionRecord? {
        try await stage.board.status().functions.first { $0.name == "slow" }
    }
}

/// Requests at an even rate, whether or not earlier ones are answered.
private final class Flood: Sendable {
    private let pods: FunctionPods
    private let counts = Mutex<[Int: Int]>([:])

    init(_ pods: FunctionPods) { self.pods = pods }

    /// How many requests were answered with each status; -1: not at all.
    var answers: [Int: Int] { counts.withLock { $0 } }

    func send(rate: Int, for time: Duration) async {
        let clock = ContinuousClock()
        let begin = clock.now
        await withDiscardingTaskGroup { group in
            var sent = 0
            while clock.now - begin < time {
                let due = Int((clock.now - begin) / .seconds(1) * Double(rate))
                while sent < due {
                    sent += 1
                    group.addTask {
                        let status = await self.pods.send()
                        self.counts.withLock { $0[status, default: 0] += 1 }
                    }
                }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }
}
