extension ScalingPolicy {
    /// No growth beyond the minimum while workers find no place, do not come up, or were just killed for memory.
    func withoutGrowthInTrouble(_ target: Int, _ fleet: Fleet, _ reasons: inout [Reason]) -> Int {
        guard target > fleet.replicas else { return target }
        let live = fleet.workers.filter(\.isLive)
        let pending = live.filter {
            if case .pending(let age) = $0.phase { age >= settings.pendingGrace } else { false }
        }
        let slow = live.filter { if case .starting(let age) = $0.phase { age >= settings.startGrace } else { false } }
        let killed = live.filter { $0.killedForMemory.map { $0 < settings.memoryKillPause } ?? false }
        if !pending.isEmpty { reasons.append(.pending(pending.map(\.id))) }
        if !killed.isEmpty { reasons.append(.killedForMemory(killed.map(\.id))) }
        if !slow.isEmpty { reasons.append(.notStarting(slow.map(\.id))) }
        guard !(pending.isEmpty && slow.isEmpty && killed.isEmpty) else { return target }
        return min(target, max(fleet.replicas, settings.minReplicas))
    }

    /// Never more than memory allows; no growth while it cannot be read.
    func withinMemory(_ target: Int, _ fleet: Fleet, _ memory: Reading<MemoryRoom>, _ reasons: inout [Reason]) -> Int {
        switch memory {
        case .unknown(let why):
            guard target > fleet.replicas else { return target }
            reasons.append(.memoryUnknown(why))
            return fleet.replicas
        case .known(let room):
            guard let ceiling = room.ceiling(for: fleet), ceiling < target else { return target }
            reasons.append(.memoryCapped(at: ceiling, wanted: target))
            return ceiling
        }
    }
}
