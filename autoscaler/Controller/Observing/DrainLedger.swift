import Foundation
import Jobs
import Policy

/// What a controller remembers about its workers between rounds, to know whom it may let go.
///
/// A drain mark is a request. It has taken effect once the worker has said "draining" in a heartbeat that is newer than the
/// mark: an older one may be about an earlier mark that was withdrawn. A mark counts as set when it was first seen, by the
/// clock of Redis, so that a new leader begins on the safe side.
package struct DrainLedger: Sendable, Equatable {
    /// How long a worker that says nothing has to be marked before the mark counts, if it has never been up.
    package static let silence = TimeInterval(10)
    /// How long after the number was lowered a worker that was to go keeps its mark although it is still there.
    package static let settling = Duration.seconds(10)

    private var markedSince: [String: Date] = [:]
    private var leavingSince: [String: Moment] = [:]
    private var everUp: Set<String> = []

    package init() {}

    /// Takes in one round; without a reading from Redis all marks have to be acknowledged anew.
    package mutating func note(_ state: TargetState, _ jobs: JobsReading?, at now: Moment) {
        let present = Set(state.members.map(\.id))
        everUp.formIntersection(present)
        for member in state.members where member.phase == .ready || jobs?.workers[member.id] != nil {
            everUp.insert(member.id)
        }
        leavingSince = leavingSince.filter { present.contains($0.key) && $0.value.duration(to: now) < Self.settling }
        guard let board = jobs?.board else {
            markedSince = [:]
            return
        }
        markedSince = markedSince.filter { board.drains[$0.key] != nil }
        for worker in board.drains.keys where markedSince[worker] == nil { markedSince[worker] = board.time }
    }

    /// The number was lowered by these.
    package mutating func left(_ workers: [String], at now: Moment) {
        for worker in workers { leavingSince[worker] = now }
    }

    /// The workers that are on their way out, although the target may not show it yet.
    package var leaving: Set<String> { Set(leavingSince.keys) }

    /// It has been up before, so that its silence means that nothing is known.
    package func hasBeenUp(_ worker: String) -> Bool { everUp.contains(worker) }

    /// The worker can claim no more.
    package func isDraining(_ member: FleetMember, _ jobs: JobsReading) -> Bool {
        guard let since = markedSince[member.id] else { return false }
        let isStarting = if case .starting = member.phase { true } else { false }
        // Nothing runs there, whatever an earlier process of its name has said.
        if isStarting && member.isStopped { return true }
        if let record = jobs.workers[member.id] { return record.state == .draining && record.heartbeat > since }
        return isStarting && !hasBeenUp(member.id) && jobs.board.time.timeIntervalSince(since) >= Self.silence
    }
}

extension Fleet {
    /// What the target knows of the workers together with what they say themselves.
    ///
    /// - Parameter patience: a worker that said nothing for so long (in seconds) is not known to be idle.
    package init(_ state: TargetState, _ jobs: JobsReading?, _ ledger: DrainLedger, patience: TimeInterval) {
        self.init(
            replicas: state.replicas,
            workers: state.members.map { member in
                Replica(
                    id: member.id, phase: member.phase,
                    activity: Self.activity(of: member, jobs, ledger, patience),
                    draining: jobs.map { ledger.isDraining(member, $0) } ?? false,
                    killedForMemory: member.killedForMemory, obstacle: member.obstacle, revision: member.revision)
            }, created: state.created, refusal: state.refusal, isAsCreated: state.isAsCreated)
    }

    private static func activity(
        of member: FleetMember, _ jobs: JobsReading?, _ ledger: DrainLedger, _ patience: TimeInterval
    ) -> Replica.Activity {
        switch member.phase {
        case .pending: return .idle
        case .starting where member.isStopped: return .idle
        case .starting, .ready, .terminating: break
        }
        if let record = jobs?.workers[member.id], let now = jobs?.board.time,
            now.timeIntervalSince(record.heartbeat) <= patience
        {
            let isBusy = record.job != nil || record.state == .busy
            return isBusy ? .busy(progress: record.progress ?? 0) : .idle
        }
        // One that has not come up yet has nothing to say.
        if case .starting = member.phase, !ledger.hasBeenUp(member.id) { return .idle }
        return .unknown
    }
}
