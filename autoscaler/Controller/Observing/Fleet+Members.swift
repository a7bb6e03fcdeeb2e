import Foundation
import Policy

extension Fleet {
    /// What the target knows of the workers together with what they say themselves.
    ///
    /// - Parameter patience: a worker that said nothing for so long (in seconds) is not known to be idle.
    package init(_ state: TargetState, _ jobs: JobsReading?, _ ledger: DrainLedger, patience: TimeInterval) {
        self.init(
            replicas: state.replicas,
            workers: state.members.map { member in
                Worker(
                    id: member.id, phase: member.phase,
                    activity: Self.activity(of: member, jobs, ledger, patience),
                    draining: jobs.map { ledger.isDraining(member, $0) } ?? false,
                    killedForMemory: member.killedForMemory)
            })
    }

    private static func activity(
        of member: FleetMember, _ jobs: JobsReading?, _ ledger: DrainLedger, _ patience: TimeInterval
    ) -> Worker.Activity {
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
        if case .starting = member.phase, !ledger.hasRisen(member.id) { return .idle }
        return .unknown
    }
}
