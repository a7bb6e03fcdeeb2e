import Jobs
import Policy
import ServiceContract

/// Which drain marks to set and which to take back.
package struct MarkPlan: Sendable, Equatable {
    /// The workers to mark, those to go first in front.
    package var set: [String] = []
    /// The workers that may claim again, and those that are gone; with whose mark it is.
    package var withdrawn: [String: DrainOrigin] = [:]

    /// The marks that make `draining` the only workers that drain.
    ///
    /// Workers on their way out keep their marks: between the change of the number and their SIGTERM they must not claim.
    /// An operator's mark is the operator's, until its worker is gone.
    package init(draining: [String], _ state: TargetState, _ jobs: JobsReading, leaving: Set<String>) {
        let ending = state.members.filter { $0.phase == .terminating }.map(\.id)
        let kept = Set(draining).union(leaving).union(ending)
        let present = Set(state.members.map(\.id)).union(jobs.workers.keys)
        set = draining.filter { jobs.board.drains[$0] == nil }
        withdrawn = jobs.board.drains.filter { worker, origin in
            switch origin {
            case .autoscaler: !kept.contains(worker)
            case .operator: !present.contains(worker)
            }
        }
    }
}
