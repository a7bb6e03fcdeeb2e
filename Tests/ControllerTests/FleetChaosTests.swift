import Foundation
import Jobs
import KubernetesDouble
import ServiceContract
import Synchronization
import Pacing
import TestSupport
import Testing

/// A fleet under load while its Deployment is rolled out and created anew, and while Redis is frozen for longer than a lease: no job is lost or
/// done twice, work that is under way is not begun anew, and nobody busy is told to go.
///
/// Each of these comes twice; `make chaos` goes on for a quarter of `CHAOS_SECONDS`, and `CHAOS_SEED` repeats their order.
@Suite(.serialized, .timeLimit(.minutes(30))) struct FleetChaosTests {
    private enum Trouble: CaseIterable { case rollout, anew, frozenRedis }

    @Test func nothingIsLostOrDoneTwiceAndNobodyBusyIsToldToGo() async throws {
        let environment = ProcessInfo.processInfo.environment
        let length = environment["CHAOS_SECONDS"].flatMap { Int($0) }.map { Duration.seconds($0) / 4 }
        let seed = environment["CHAOS_SEED"].flatMap { UInt64($0) } ?? (length == nil ? 1 : .random(in: 1...999_999))
        try await Stage.with(work: 50..<800, lease: .seconds(2)) { stage in
            let settings = quickSettings { $0.maxReplicas = 6 }
            try await stage.running(stage.controller(settings: settings)) {
                let isOver = Mutex(false)
                async let jobs = load(stage) { isOver.withLock { $0 } }
                // As every worker and every host does.
                let upkeep = Task {
                    let queue = try stage.redis.queue(lease: stage.lease)
                    while !Task.isCancelled {
                        _ = try? await queue.recover()
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
                defer { upkeep.cancel() }
                var numbers = SeededGenerator(seed: seed)
                var troubles: [Trouble] = Trouble.allCases + Trouble.allCases
                let end = ContinuousClock.now + (length ?? .zero)
                var count = 0
                while let trouble = ContinuousClock.now < end
                    ? Trouble.allCases.randomElement(using: &numbers) : troubles.popLast()
                {
                    count += 1
                    try await cause(trouble, stage, number: count)
                }
                isOver.withLock { $0 = true }
                let ids = try await jobs
                try await eventually("all \(ids.count) jobs are done") { try await stage.allDone(ids) }
                print(
                    "chaos of the fleet: seed \(seed), \(count) troubles, \(ids.count) jobs, \(stage.cluster.scalings().count) scalings"
                )
                let (commits, starts) = (stage.workers.commits, stage.workers.starts)
                #expect(ids.filter { commits[$0] != 1 } == [], "lost or done twice")
                #expect(ids.filter { starts[$0] != 1 } == [], "begun anew while work on it was under way")
                #expect(stage.workers.killed == [], "busy, and told to go")
                #expect(stage.cluster.scalings().allSatisfy { $0 <= 6 })
            }
        }
    }

    /// Jobs one after the other and in bursts.
    private func load(_ stage: Stage, until isOver: @Sendable () -> Bool) async throws -> [JobID] {
        var ids: [JobID] = []
        let queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(stage.redis.port)",
            options: QueueOptions(lease: stage.lease, connections: 1, timeouts: .init(patience: .seconds(60))))
        while !isOver() {
            for _ in 0..<(ids.count % 40 == 0 ? 10 : 1) {
                let job = newJob()
                _ = try await queue.enqueue(job)
                ids.append(job.id)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        return ids
    }

    private func cause(_ trouble: Trouble, _ stage: Stage, number: Int) async throws {
        try await eventually("two work") { stage.workers.busy.count >= 2 }
        switch trouble {
        case .rollout:
            let before = stage.cluster.revision(of: "worker")
            try stage.cluster.patch(
                .deployments, "worker",
                ["spec": ["template": ["metadata": ["annotations": ["version": .string("\(number)")]]]]])
            try await eventually("the old version is gone") {
                stage.cluster.pods.allSatisfy { $0.isTerminating || $0.revision != before }
            }
        case .anew:
            let before = stage.cluster.pods.filter { !$0.isTerminating }.map(\.name)
            try stage.cluster.remove(.deployments, "worker")
            try stage.cluster.putWorker(replicas: 3, app: "worker-\(number)")
            // Pods that nobody owns any more are drained by hand, and removed when they have nothing in hand.
            for pod in before { try await stage.board.requestDrain(pod, by: .operator) }
            try await eventually("the old fleet has finished, and claims no more") {
                let alive = Set(stage.workers.alive)
                let working = try await stage.queue.workers().filter { $0.state != .draining && alive.contains($0.id) }
                return Set(before).isDisjoint(with: working.map(\.id))
            }
            for pod in before {
                await stage.workers.end(pod)
                try? stage.cluster.remove(.pods, pod)
            }
        case .frozenRedis:
            await stage.redis.freeze(for: stage.lease * 1.5)
            try await eventually("the queue answers again") { (try? await stage.queue.depth()) != nil }
        }
    }
}
