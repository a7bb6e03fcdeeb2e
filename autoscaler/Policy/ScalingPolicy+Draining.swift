extension ScalingPolicy {
    /// Picks who goes when the fleet shrinks to `target`, and lowers `replicas` only by those that can go now.
    func release(_ fleet: Fleet, to target: Int, _ decision: inout Decision) {
        let live = fleet.workers.count(where: \.isLive)
        // Just after a patch there may still be more workers than replicas: those are on their way out.
        let present = max(fleet.replicas, live)
        let surplus = present - target
        guard surplus > 0 else {
            decision.replicas = target
            decision.draining = []
            return
        }
        // Replicas that were never created go first and disturb no one.
        let uncreated = present - live
        let victims = fleet.victims(surplus - min(surplus, uncreated))
        let exposed = fleet.workers.filter { $0.isBusyButNotReady }
        let leaving = victims.filter { $0.isPending || ($0.isRemovable && exposed.isEmpty) }
        let replicas = present - min(surplus, uncreated) - leaving.count
        decision.replicas = replicas
        decision.draining = victims.map(\.id)
        decision.leaving = leaving.map(\.id)
        guard replicas > target else { return }
        if fleet.busy > target { decision.reasons.append(.busy(fleet.busy, target: target)) }
        decision.reasons.append(
            exposed.isEmpty
                ? .draining(replicas - target, target: target) : .busyNotReady(exposed.map(\.id)))
    }
}

extension Fleet {
    /// The `count` live workers whose going costs least, in the order in which they should go: pending, coming up, idle
    /// (already draining first), busy with the least progress, and last those that have not reported.
    ///
    /// A ReplicaSet removes pending and unready pods before it looks at their deletion cost, so they come first here too.
    public func victims(_ count: Int) -> [Worker] {
        guard count > 0 else { return [] }
        let ordered = workers.enumerated().filter(\.element.isLive).sorted { left, right in
            let (a, b) = (left.element.removalRank, right.element.removalRank)
            // Of equals the newer goes, which has warmed up least.
            return a == b ? left.offset > right.offset : a < b
        }
        return ordered.prefix(count).map(\.element)
    }
}

extension Worker {
    /// A ReplicaSet would remove it first although it holds a job.
    var isBusyButNotReady: Bool {
        guard isBusy else { return false }
        if case .starting = phase { return true }
        return false
    }

    /// What is lost by its removal, as a number to sort by.
    fileprivate var removalRank: Double {
        switch (activity, phase) {
        case (.unknown, _): return 1000
        case (.busy(let progress), _):
            let share = progress.isFinite ? min(max(progress, 0), 1) : 1
            // A little in favour of whoever drains already, so that marks do not wander with progress.
            return 100 + share * 100 - (draining ? 50 : 0)
        case (.idle, .pending): return 0
        case (.idle, .starting): return draining ? 1 : 2
        case (.idle, _): return draining ? 3 : 4
        }
    }
}
