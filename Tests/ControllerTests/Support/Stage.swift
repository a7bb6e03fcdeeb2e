import Controller
import Foundation
import HTTPTransport
import Jobs
import Kubernetes
import KubernetesDouble
import Logging
import Observability
import Policy
import ServiceContract
import TestSupport

/// A cluster with its controllers, Redis, and simulated workers in the pods.
struct Stage: Sendable {
    let cluster: ClusterDouble
    let server: DoubleServer
    let redis: ServerProcess
    let workers: SimulatedWorkers
    let queue: RedisJobQueue
    let board: RedisAutoscalerBoard

    /// Sets the stage while `body` runs.
    static func with(
        replicas: Int = 0, work: Range<Int> = 10..<60, _ body: @Sendable (Stage) async throws -> Void
    ) async throws {
        let cluster = ClusterDouble()
        try cluster.putWorker(replicas: replicas)
        try cluster.putNode("node-a", memory: "64Gi")
        let redis = try ServerProcess.durableRedis()
        let workers = SimulatedWorkers(redis, work: work)
        var replicaSet = ReplicaSetDouble(cluster, deployment: "worker")
        replicaSet.onStart = { workers.start($0.name) }
        replicaSet.onTermination = { await workers.end($0.name) }
        let queue = try redis.queue()
        try await DoubleServer.with(cluster) { [replicaSet] server async throws in
            let stage = Stage(
                cluster: cluster, server: server, redis: redis, workers: workers, queue: queue,
                board: RedisAutoscalerBoard(queue: queue))
            let controllers = Task { await replicaSet.run() }
            defer { controllers.cancel() }
            try await body(stage)
        }
    }

    /// A controller of this stage.
    func controller(
        _ identity: String = "a", token: Credentials.Token? = nil, transport: (any HTTPTransport)? = nil,
        timing: ElectionTiming = ElectionTiming(), settings: Settings = quickSettings(),
        options: ControllerOptions = quickOptions
    ) throws -> Controller {
        var logger = Logger(label: "controller-\(identity)")
        logger.logLevel =
            ProcessInfo.processInfo.environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0) } ?? .critical
        let client = server.client(token: token, transport: transport)
        return Controller(
            policy: try ScalingPolicy(settings), queue: try redis.queue(),
            target: KubernetesTarget(client: client, deployment: "worker", identity: identity, logger: logger),
            leadership: LeaseElection(
                client: client, name: "msaas-autoscaler", identity: identity, timing: timing, logger: logger),
            options: options, logger: logger)
    }

    /// Runs a controller while `body` runs.
    func running(_ controller: Controller, _ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Enqueues new jobs and returns their names.
    @discardableResult func enqueue(_ count: Int) async throws -> [JobID] {
        var ids: [JobID] = []
        for _ in 0..<count {
            let job = newJob()
            _ = try await queue.enqueue(job)
            ids.append(job.id)
        }
        return ids
    }

    var replicas: Int { cluster.replicas(of: "worker") ?? -1 }

    /// All jobs are done, each once.
    func allDone(_ ids: [JobID]) async throws -> Bool {
        let commits = workers.commits
        return ids.allSatisfy { commits[$0] != nil }
    }
}

extension ControllerStatus {
    /// What it says as metrics.
    var text: String {
        var text = PrometheusText()
        write(to: &text)
        return text.text
    }
}
