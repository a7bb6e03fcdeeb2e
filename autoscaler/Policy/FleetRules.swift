/// What holds for every fleet, whatever its number is decided by: the bounds, workers in trouble, memory and quotas.
struct FleetRules {
    /// There are never fewer, unless memory allows no more.
    var least: Int
    /// There are never more.
    var most: Int
    /// A worker that found no place for so long stops growth.
    var pendingGrace: Duration
    /// A worker that has a place but did not come up for so long stops growth.
    var startGrace: Duration
    /// After a worker was killed for memory, there is no growth for so long.
    var memoryKillPause: Duration

    /// `wanted` within the minimum and the maximum.
    func bounded(_ wanted: Int, _ reasons: inout [Reason]) -> Int {
        if wanted < least {
            reasons.append(.atMinimum(least))
            return least
        }
        if wanted > most {
            reasons.append(.atMaximum(most, wanted: wanted))
            return most
        }
        return wanted
    }

    /// What somebody should look at: new workers that are refused, find no place, do not come up, or were just killed for
    /// memory.
    func troubles(of fleet: Fleet) -> [Reason] {
        let live = fleet.workers.filter(\.isLive)
        let pending = live.filter {
            if case .pending(let age) = $0.phase { age >= pendingGrace } else { false }
        }
        let slow = live.filter {
            guard case .starting(let age) = $0.phase else { return false }
            // Where the system says that it cannot start, there is nothing to wait for but a second try.
            return age >= ($0.obstacle == nil ? startGrace : pendingGrace)
        }
        let killed = live.filter { $0.killedForMemory.map { $0 < memoryKillPause } ?? false }
        var reasons: [Reason] = []
        if let refusal = fleet.refusal { reasons.append(.refused(refusal)) }
        if !pending.isEmpty {
            reasons.append(.pending(pending.map(\.id), why: pending.lazy.compactMap(\.obstacle).first))
        }
        if !slow.isEmpty { reasons.append(.notStarting(slow.map(\.id), why: slow.lazy.compactMap(\.obstacle).first)) }
        if !killed.isEmpty { reasons.append(.killedForMemory(killed.map(\.id))) }
        return reasons
    }

    /// No growth beyond the minimum while workers are in trouble.
    func heldInTrouble(_ target: Int, _ fleet: Fleet, _ troubles: [Reason], _ reasons: inout [Reason]) -> Int {
        let ceiling = max(fleet.replicas, least)
        guard !troubles.isEmpty, target > ceiling else { return target }
        reasons.append(.growthHeld(at: ceiling, wanted: target))
        return ceiling
    }

    /// Never more than memory and quotas allow; no growth while they cannot be read.
    func withinHeadroom(
        _ target: Int, _ fleet: Fleet, _ headroom: Reading<Headroom>, _ reasons: inout [Reason]
    ) -> Int {
        switch headroom {
        case .unknown(let why):
            guard target > fleet.replicas else { return target }
            reasons.append(.memoryUnknown(why))
            return fleet.replicas
        case .known(let room):
            guard let ceiling = room.ceiling(for: fleet), ceiling.workers < target else { return target }
            reasons.append(
                ceiling.quota.map { .quotaCapped($0, at: ceiling.workers, wanted: target) }
                    ?? .memoryCapped(at: ceiling.workers, wanted: target))
            return ceiling.workers
        }
    }
}

extension Settings {
    /// Those of the settings that hold for every fleet.
    var rules: FleetRules {
        FleetRules(
            least: minReplicas, most: maxReplicas, pendingGrace: pendingGrace, startGrace: startGrace,
            memoryKillPause: memoryKillPause)
    }
}
