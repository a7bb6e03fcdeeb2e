import Controller
import Foundation
import Logging
import Policy

/// The worker processes of this machine, as the autoscaler's target: it starts them when there are jobs and ends them when
/// there are none. A worker that dies is started again under its name.
actor WorkerFleet: ScaleTarget {
    private struct Member {
        let started = ContinuousClock.now
        /// Ends the process when it is finished.
        let leave: AsyncStream<Never>.Continuation
        var isLeaving = false
    }

    private struct Start {
        let id: String
        let leave: AsyncStream<Never>
    }

    nonisolated let name = "workers of this machine"
    private let memory: MachineMemory
    private let logger: Logger
    private let process: @Sendable (String) -> SupervisedProcess
    private var members: [String: Member] = [:]
    private var starts: AsyncStream<Start>.Continuation?

    /// No workers yet.
    ///
    /// - Parameters:
    ///   - memory: what each of them may take, and what the machine has.
    ///   - process: the process of the worker with a name.
    init(memory: MachineMemory, logger: Logger, process: @escaping @Sendable (String) -> SupervisedProcess) {
        self.memory = memory
        self.logger = logger
        self.process = process
    }

    /// Runs the workers; when cancelled, ends all of them and waits for them.
    func run(changed: @escaping @Sendable () -> Void) async {
        let (orders, starts) = AsyncStream.makeStream(of: Start.self)
        self.starts = starts
        await withDiscardingTaskGroup { group in
            for await start in orders {
                group.addTask { await self.keep(start, changed: changed) }
            }
        }
        self.starts = nil
    }

    private func keep(_ start: Start, changed: @Sendable () -> Void) async {
        do {
            try await process(start.id).whileRunning(logger: logger) { for await _ in start.leave {} }
        } catch {
            if !Task.isCancelled { logger.error("\(start.id) cannot be run: \(error)") }
        }
        members[start.id] = nil
        changed()
    }

    func observe() throws -> TargetState {
        guard starts != nil else { throw TargetError.outOfDate("The workers are not looked after yet.") }
        return TargetState(
            replicas: members.values.count { !$0.isLeaving },
            members: members.map { FleetMember(id: $0.key, phase: $0.value.isLeaving ? .terminating : .ready) })
    }

    func headroom(for state: TargetState) -> Headroom {
        let now = ContinuousClock.now
        return memory.room(workers: members.count, starting: members.values.count { now - $0.started < .seconds(20) })
    }

    func resize(_ state: TargetState, to replicas: Int, leaving: [String]) throws {
        guard let starts, try observe().replicas == state.replicas else {
            throw TargetError.changedMeanwhile(name: name)
        }
        for id in leaving {
            members[id]?.isLeaving = true
            members[id]?.leave.finish()
        }
        while members.values.count(where: { !$0.isLeaving }) < replicas {
            let id = (1...).lazy.map { "worker-\($0)" }.first { members[$0] == nil } ?? ""
            let (stream, leave) = AsyncStream.makeStream(of: Never.self)
            members[id] = Member(leave: leave)
            starts.yield(Start(id: id, leave: stream))
        }
    }

    /// The log has said it.
    func announce(_ announcement: Announcement) {}
}

/// What this machine's memory is enough for.
struct MachineMemory: Sendable {
    /// What one worker may take, in bytes.
    let worker: Int64
    /// The text of `/proc/meminfo`; empty where there is none.
    var read: @Sendable () -> String = { (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? "" }

    /// The room for further workers: a tenth of the machine is for everything else, and what other programs hold is not
    /// ours.
    ///
    /// - Parameters:
    ///   - workers: how many there are; each keeps its share, however much of it it has taken.
    ///   - starting: how many of them may not have taken their share yet.
    func room(workers: Int, starting: Int) -> Headroom {
        let text = read()
        guard let total = Self.bytes("MemTotal", in: text), let available = Self.bytes("MemAvailable", in: text) else {
            return .unlimited
        }
        let share = total / 10 * 9 - Int64(workers) * worker
        return Headroom(request: worker, nodes: [min(share, available - Int64(starting) * worker)])
    }

    /// A line `MemTotal:  24576000 kB`, in bytes.
    private static func bytes(_ name: String, in text: String) -> Int64? {
        text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            .flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }
            .flatMap { Int64($0) }.map { $0 * 1024 }
    }
}
