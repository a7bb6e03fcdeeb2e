import Policy

/// Plays a trace against a scaler and a modelled cluster, event by event.
///
/// The model: pods take their time to start; a ready pod claims the oldest waiting job; a job takes its overhead and its
/// audio times the real-time factor. A pod that is told to go claims no more; what it cannot finish within the grace
/// period is killed, and the job starts over, first in the queue, until it has spent its attempts.
public struct Simulation {
    let trace: Trace
    let conditions: Conditions
    var scaler: any Scaler
    var generator: SeededGenerator

    var now = 0.0
    var events = EventQueue()
    var pods: [Pod] = []
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
    /// - Throws: `ConditionsError` when the conditions cannot be.
    public static func run(_ trace: Trace, _ scaler: any Scaler, _ conditions: Conditions) throws(ConditionsError)
        -> Report
    {
        try conditions.validate()
        var simulation = Simulation(
            trace: trace, conditions: conditions, scaler: scaler,
            generator: SeededGenerator(seed: conditions.seed), ledger: Ledger(trace: trace))
        return simulation.play()
    }

    private mutating func play() -> Report {
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
            if let work = pods[index].work, ledger.killed(work, at: now) < conditions.attempts {
                queue.putBack(work.job)
            } else if let work = pods[index].work {
                ledger.gaveUp(work.job, at: now)
            }
            remove(index)
            claim()
        case .tick:
            decide()
            events.add(.tick, at: now + scaler.period)
        case nil: break
        }
    }

    private mutating func finish(_ work: Pod.Work, _ index: Int) {
        ledger.done(work, at: now)
        measured.add(work: now - work.began, audio: trace.arrivals[work.job].audio)
        pods[index].work = nil
        if pods[index].state == .terminating { remove(index) }
        claim()
    }

    /// Gives waiting jobs to workers that can claim.
    mutating func claim() {
        guard queue.count > 0 else { return }
        for index in pods.indices where pods[index].canClaim {
            guard let job = queue.removeFirst() else { return }
            let length = conditions.jobOverhead + trace.arrivals[job].audio * conditions.realTimeFactor
            pods[index].run += 1
            pods[index].work = Pod.Work(job: job, began: now, ends: now + length)
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
