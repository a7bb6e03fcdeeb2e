import Policy

extension Simulation {
    /// Asks the scaler, and does what it says as the cluster would.
    mutating func decide() {
        lastDecision = now
        let step = scaler.scale(observe(), now: Moment(.seconds(now)))
        if let draining = step.draining { mark(draining) }
        for index in pods.indices { pods[index].hasLowCost = step.leaving.contains(pods[index].name) }
        guard let wanted = step.replicas, wanted != replicas else { return }
        ledger.scaled(at: now, from: replicas, to: wanted, why: step.why)
        replicas = wanted
        let live = pods.count(where: \.isLive)
        if live > wanted { shrink(by: live - wanted) }
        for _ in 0..<max(0, wanted - live) {
            pods.append(Pod(id: madePods, name: "worker-\(madePods)", created: now))
            madePods += 1
        }
        place()
    }

    /// What a scaler could read at this moment.
    private func observe() -> Observation {
        var inFlight = 0
        var inFlightAudio = 0.0
        var workers: [Worker] = []
        workers.reserveCapacity(pods.count)
        for pod in pods {
            workers.append(pod.worker(at: now))
            guard let work = pod.work else { continue }
            inFlight += 1
            inFlightAudio += trace.arrivals[work.job].audio * (work.ends - now) / max(work.ends - work.began, 1e-9)
        }
        let backlog = Backlog(
            waiting: queue.count, inFlight: inFlight, waitingAudio: measured.meanAudio.map { $0 * Double(queue.count) },
            inFlightAudio: inFlightAudio, realTimeFactor: measured.realTimeFactor)
        return Observation(
            backlog: .known(backlog), fleet: .known(Fleet(replicas: replicas, workers: workers)),
            memory: .known(MemoryRoom(request: conditions.workerMemory, nodes: freeMemory.map { [$0] })))
    }

    private var freeMemory: Int64? {
        conditions.memory.map { $0 - Int64(pods.count { $0.placed != nil }) * conditions.workerMemory }
    }

    private mutating func mark(_ draining: [String]) {
        let names = Set(draining)
        for index in pods.indices { pods[index].draining = names.contains(pods[index].name) }
        claim()
    }

    /// Places pending pods while there is memory.
    private mutating func place() {
        var free = freeMemory
        for index in pods.indices where pods[index].state == .pending {
            if let left = free {
                guard left >= conditions.workerMemory else { return }
                free = left - conditions.workerMemory
            }
            pods[index].state = .starting
            pods[index].placed = now
            let variation = (generator.fraction() * 2 - 1) * conditions.podStartSpread
            events.add(.placed(pod: pods[index].id), at: now + conditions.podStart * (1 + variation))
        }
    }

    private mutating func shrink(by count: Int) {
        let victims = pods.filter(\.isLive).sorted(by: Pod.goesBefore).prefix(count).map(\.id)
        for id in victims {
            guard let index = index(of: id) else { continue }
            if pods[index].work == nil {
                remove(index)
            } else {
                pods[index].state = .terminating
                ledger.interrupted()
                events.add(.graceOver(pod: id), at: now + conditions.grace)
            }
        }
    }

    mutating func remove(_ index: Int) {
        ledger.podGone(pods[index], at: now)
        pods.remove(at: index)
        place()
    }
}
