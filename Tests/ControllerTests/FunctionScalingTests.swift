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
        let rate = Self.rate ?? 0
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
                    async let flooding: Void = isBenchmark ? flood.send(rate: rate) : flood.send(clients: 24)
                    try await cluster.until { !$0.scalings().isEmpty }
                    let first = ContinuousClock.now - begin
                    try await eventually("pods enough are up") {
                        pods.ports.count >= 2 && pods.ports.count == cluster.replicas(of: "slow")
                    }
                    let up = ContinuousClock.now - begin
                    try await eventually("its row says what is in flight") {
                        try await Self.row(stage).map { ($0.inFlight ?? 0) > 4 && $0.perPod != nil } ?? false
                    }
                    if isBenchmark { try await Task.sleep(for: .seconds(20)) }
                    flood.end()
                    await flooding
                    let (peak, end) = (cluster.scalings().max() ?? 0, ContinuousClock.now)
                    try await eventually("it is small again", within: .seconds(240)) {
                        cluster.replicas(of: "slow") == 1 && pods.ports.count == 1
                    }
                    let answers = flood.answers
                    print(
                        """
                        \(answers.values.reduce(0, +)) requests\(isBenchmark ? " at \(rate) a second" : ""): first patch after \(first), \
                        pods ready after \(up), \(peak) at most, \(cluster.scalings()), back to 1 \
                        \(ContinuousClock.now - end) after the end; answers \(answers)
                        """)
                    #expect(answers.keys.sorted() == [200], "nobody is refused, and no request is cut off")
                    #expect(cluster.notes("ScaledUp").contains { $0.contains(" in flight over ") })
                    try await eventually("its row says so") { try await Self.row(stage)?.lastChange?.to == 1 }
                }
            }
        }
    }

    private static func row(_ stage: Stage) async throws -> FunctionRecord? {
        try await stage.board.status().functions.first { $0.name == "slow" }
    }
}

/// Clients that send requests: so many at the same time, each its next one when the last is answered, which a slow machine only makes
/// slower; or, to measure, at an even rate whether or not earlier ones are answered.
private final class Flood: Sendable {
    private let pods: FunctionPods
    private let counts = Mutex<[Int: Int]>([:])
    private let isOver = Mutex(false)

    init(_ pods: FunctionPods) { self.pods = pods }

    /// So many requests wait for their answers at most: each takes two files of this process.
    private static let most = 2000

    /// How many requests were answered with each status; -1: not at all; -2: not sent, since too many were waiting.
    var answers: [Int: Int] { counts.withLock { $0 } }

    /// No client sends another request.
    func end() { isOver.withLock { $0 = true } }

    func send(clients: Int) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<clients {
                group.addTask { while !self.isOver.withLock({ $0 }) { await self.sendOne() } }
            }
        }
    }

    func send(rate: Int) async {
        let begin = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            var sent = 0
            while !isOver.withLock({ $0 }) {
                let due = Int((ContinuousClock.now - begin) / .seconds(1) * Double(rate))
                while sent < due {
                    sent += 1
                    guard sent - answers.values.reduce(0, +) <= Self.most else {
                        counts.withLock { $0[-2, default: 0] += 1 }
                        continue
                    }
                    group.addTask { await self.sendOne() }
                }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func sendOne() async {
        let status = await pods.send()
        counts.withLock { $0[status, default: 0] += 1 }
    }
}
