import Controller
import Foundation
import Jobs
import Logging
import Policy
import Synchronization
import TestSupport
import Testing

/// A target that starts and ends workers itself, as one machine's supervisor does.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LocalTargetTests {
    @Test func fromNoWorkerAndBack() async throws {
        let redis = try ServerProcess.durableRedis()
        let queue = try redis.queue()
        let workers = SimulatedWorkers(redis)
        let target = SupervisorDouble(workers, places: 3)
        let controller = Controller(
            policy: try ScalingPolicy(quickSettings()), queue: queue, target: target,
            leadership: SoleLeadership(identity: "local"), options: ControllerOptions(),
            logger: Logger(label: "local") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            let board = RedisAutoscalerBoard(queue: queue)
            try await eventually("it has looked") { try await board.read() != nil }
            #expect(workers.alive.isEmpty)
            let begin = ContinuousClock.now
            let job = newJob()
            _ = try await queue.enqueue(job)
            try await eventually("a worker is there") { !workers.alive.isEmpty }
            print("first worker of one machine \(ContinuousClock.now - begin) after the first job")
            try await eventually("the job is done") { workers.commits[job.id] == 1 }
            for _ in 0..<40 { _ = try await queue.enqueue(newJob()) }
            try await eventually("the jobs are done") { workers.commits.count == 41 }
            try await eventually("no worker is left") { workers.alive.isEmpty }
            #expect(workers.most == 3, "memory for no more")
            #expect(workers.killed == [])
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}

/// Starts and ends simulated workers.
private final class SupervisorDouble: ScaleTarget {
    private struct Roll {
        var replicas = 0
        var members: [FleetMember] = []
        var count = 0
        var changed: (@Sendable () -> Void)?
    }

    let name = "workers of this machine"
    private let workers: SimulatedWorkers
    private let places: Int
    private let roll = Mutex(Roll())

    init(_ workers: SimulatedWorkers, places: Int) {
        self.workers = workers
        self.places = places
    }

    func run(changed: @escaping @Sendable () -> Void) async { roll.withLock { $0.changed = changed } }

    func observe() -> TargetState { roll.withLock { TargetState(replicas: $0.replicas, members: $0.members) } }

    func headroom(for state: TargetState) -> Headroom {
        Headroom(request: 100, nodes: [Int64((places - state.members.count) * 100)])
    }

    func resize(_ state: TargetState, to replicas: Int, leaving: [String]) async throws {
        let started = roll.withLock { roll in
            roll.replicas = replicas
            for index in roll.members.indices where leaving.contains(roll.members[index].id) {
                roll.members[index].phase = .terminating
            }
            let live = roll.members.count { $0.phase != .terminating }
            let started = (0..<max(0, replicas - live)).map { "worker-\(roll.count + 1 + $0)" }
            roll.count += started.count
            roll.members += started.map { FleetMember(id: $0) }
            return started
        }
        for id in started { workers.start(id) }
        for id in leaving {
            Task {
                await workers.end(id)
                roll.withLock { roll in
                    roll.members.removeAll { $0.id == id }
                    return roll.changed
                }?()
            }
        }
    }

    func announce(_ announcement: Announcement) {}
}
