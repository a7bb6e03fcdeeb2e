import Pacing
import Policy

/// Plays a trace against a scaler and a modelled cluster, event by event.
///
/// The model: pods take their time to start, some of them longer; a ready pod claims the oldest waiting job; a job takes its
/// overhead and its audio times the real-time factor. A pod that is told to go claims no more; what it cannot finish within
/// the grace period it gives back, and the job starts over, first in the queue. This is the same for every scaler, and so is
/// what they may know: the lengths of the waiting jobs only as the mean of finished ones.
public struct Simulation {
    let trace: Trace
    let conditions: Conditions
    var scaler: any Scaler
    var generator: SeededGenerator

    var now = 0.0
    var events = EventCalendar()
    var pods: [SimulatedPod] = []
    var replicas = 0
    var madePods = 0
    var nextArrival = 0
    var queue = JobLine()
    var measured = Measured()
    var ledger: Ledger
    var lastDecision = -Double.infinity

    /// How long the cluster is watched after the last job, in seconds, so that slow shrinking shows in the cost.
    static let tail = 900.0

    /// Plays `trace` from an empty cluster to a quarter of an hour after the last job is done.
    ///
    /// - Parameter promise: the wait that jobs are promised (`target-wait`); the report says how many were kept to it.
    /// - Throws: `ConditionsError` when the conditions cannot be.
    public static func run(
        _ trace: Trace, _ scaler: any Scaler, _ conditions: Conditions, promise: Duration = Settings().targetWait
    ) throws(ConditionsError) -> SimulationReport {
        try conditions.validate()
        var simulation = Simulation(
            trace: trace, conditions: conditions, scaler: scaler,
            generator: SeededGenerator(seed: conditions.seed), ledger: Ledger(trace: trace, promise: promise.seconds))
        return simulation.play()
    }

    private mutating func play() -> SimulationReport {
        events.add(.tick, at: 0)
        // Whoever never gets done is given up two days after the last arrival.
        let deadline = trace.span + 2 * 86_400
        while true {
            let end = ledger.settled.map { $0 + Self.tail }
            let arrival = nextArrival < trace.arrivals.count ? trace.arrivals[nextArrival].at : .infinity
            let next = min(arrival, events.nextTime ?? .infinity)
            guard next <= min(deadline, end ?? .infinity) else {
                now = min(deadline, end ?? deadline)
                break
            }
            now = next
            if arrival <= next { arrive() } else { happen() }
            ledger.note(at: now, backlog: queue.count, pods: pods)
        }
        for pod in pods { ledger.podGone(pod, at: now) }
        return ledger.report(scaler.name, end: now)
    }

    private mutating func arrive() {
        queue.append(nextArrival)
        nextArrival += 1
        claim()
        if scaler.wakesOnArrival, now - lastDecision >= 0.2 { decide() }
    }

    private mutating func happen() {
        switch events.removeNext() {
        case .placed(let id):
            guard let index = index(of: id), pods[index].state == .starting else { return }
            pods[index].state = .ready
            pods[index].ready = now
            claim()
        case .finished(let id, let run):
            guard let index = index(of: id), pods[index].run == run, let work = pods[index].work else { return }
            finish(work, index)
        case .graceOver(let id):
            guard let index = index(of: id) else { return }
            if let work = pods[index].work {
                ledger.gaveBack(work, at: now)
                queue.putBack(work.job)
            }
            remove(index)
            claim()
        case .tick:
            decide()
            events.add(.tick, at: now + scaler.period)
        case nil: break
        }
    }

    private mutating func finish(_ work: SimulatedPod.Work, _ index: Int) {
        ledger.done(work, at: now)
        measured.add(work: now - work.began, audio: trace.arrivals[work.job].audio)
        pods[index].work = nil
        if pods[index].state == .terminating {
            remove(index)
        } else if scaler.podsEndAfterTheirJob {
            replicas -= 1
            remove(index)
        }
        claim()
    }

    /// Gives waiting jobs to workers that can claim.
    mutating func claim() {
        guard queue.count > 0 else { return }
        for index in pods.indices where pods[index].canClaim {
            guard let job = queue.removeFirst() else { return }
            let length = conditions.length(of: trace.arrivals[job])
            pods[index].run += 1
            pods[index].work = SimulatedPod.Work(job: job, began: now, ends: now + length)
            events.add(.finished(pod: pods[index].id, run: pods[index].run), at: now + length)
        }
    }

    /// Pods are kept in the order of their ids.
    func index(of id: Int) -> Int? {
        var (low, high) = (0, pods.count)
        while low < high {
            let middle = (low + high) / 2
            if pods[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < pods.count && pods[low].id == id ? low : nil
    }
}

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
            pods.append(SimulatedPod(id: madePods, name: "worker-\(madePods)", created: now))
            madePods += 1
        }
        place()
    }

    /// What a scaler could read at this moment.
    private func observe() -> Observation {
        var inFlight = 0
        var unfinished = 0.0
        var workers: [Replica] = []
        workers.reserveCapacity(pods.count)
        for pod in pods {
            workers.append(pod.worker(at: now))
            guard let work = pod.work else { continue }
            inFlight += 1
            unfinished += (work.ends - now) / max(work.ends - work.began, 1e-9)
        }
        let backlog = Backlog(
            waiting: queue.count, inFlight: inFlight, waitingAudio: measured.meanAudio.map { $0 * Double(queue.count) },
            inFlightAudio: measured.meanAudio.map { $0 * unfinished }, realTimeFactor: measured.realTimeFactor)
        return Observation(
            backlog: .known(backlog), fleet: .known(Fleet(replicas: replicas, workers: workers)),
            headroom: .known(Headroom(request: conditions.workerMemory, nodes: freeMemory.map { [$0] })))
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
            let isCold = generator.fraction() < conditions.coldShare
            let start = isCold ? max(conditions.coldStart, conditions.podStart) : conditions.podStart * (1 + variation)
            events.add(.placed(pod: pods[index].id), at: now + start)
        }
    }

    private mutating func shrink(by count: Int) {
        let victims = pods.filter(\.isLive).sorted(by: SimulatedPod.goesBefore).prefix(count).map(\.id)
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
