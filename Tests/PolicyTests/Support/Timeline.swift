import Policy

/// A made-up service in which the test says what happens when, and every decision takes effect at once.
struct Timeline {
    var policy: ScalingPolicy
    var history = History()
    var waiting = 0
    var inFlight = 0
    var waitingAudio: Double?
    var inFlightAudio: Double?
    var realTimeFactor: Double?
    var redisFailure: String?
    var apiFailure: String?
    var headroom: Reading<Headroom> = .known(.unlimited)
    var control: Control = .automatic
    /// Why new workers are refused.
    var refusal: String? {
        get { fleet.refusal }
        set { fleet.refusal = newValue }
    }
    /// New workers come up in this phase.
    var arrival: Replica.Phase = .ready
    private(set) var fleet = Fleet(replicas: 0, workers: [])
    private(set) var last: Decision?
    private var made = 0

    init(_ change: (inout Settings) -> Void = { _ in }) throws {
        var settings = Settings()
        // Several jobs a worker make the difference between jobs and workers seen.
        settings.targetJobsPerWorker = 2
        (settings.sparePercent, settings.trendPercent) = (0, 0)
        // As do windows of one length, and growth at once.
        (settings.settleWindow, settings.growthPause) = (.zero, .zero)
        change(&settings)
        policy = try ScalingPolicy(settings)
    }

    var replicas: Int { fleet.replicas }
    var workers: [Replica] {
        get { fleet.workers }
        set { fleet.workers = newValue }
    }
    /// The codes of the last decision's reasons.
    var codes: [String] { last?.reasons.map(\.code) ?? [] }
    var explanation: String { last?.explanation ?? "" }

    var observation: Observation {
        Observation(
            backlog: redisFailure.map { .unknown($0) }
                ?? .known(
                    Backlog(
                        waiting: waiting, inFlight: inFlight, waitingAudio: waitingAudio, inFlightAudio: inFlightAudio,
                        realTimeFactor: realTimeFactor)),
            fleet: apiFailure.map { .unknown($0) } ?? .known(fleet), headroom: headroom, control: control)
    }

    /// Changes the world at `second`, decides, and carries the decision out.
    @discardableResult
    mutating func at(_ second: Double, _ change: (inout Timeline) -> Void = { _ in }) -> Decision {
        change(&self)
        let decision = policy.decide(observation, history: history, now: Moment(.seconds(second)))
        history = decision.history
        last = decision
        carryOut(decision)
        return decision
    }

    /// Decides every second from `start` through `end`.
    mutating func every(_ seconds: ClosedRange<Int>) {
        for second in seconds { at(Double(second)) }
    }

    /// Sets the fleet as if it had been there before.
    mutating func has(_ count: Int, busy: Int = 0, draining: Bool = false) {
        fleet.replicas = count
        made = count
        fleet.workers = (0..<count).map {
            Replica(id: "worker-\($0)", activity: $0 < busy ? .busy(progress: 0.5) : .idle, draining: draining)
        }
        inFlight = busy
    }

    /// The policy starts anew, as after a crash: it remembers nothing.
    mutating func restart() { history = History() }

    private mutating func carryOut(_ decision: Decision) {
        if let draining = decision.draining {
            for index in fleet.workers.indices {
                fleet.workers[index].draining = draining.contains(fleet.workers[index].id)
            }
        }
        guard let replicas = decision.replicas else { return }
        fleet.workers.removeAll { decision.leaving.contains($0.id) }
        while fleet.workers.count < replicas {
            fleet.workers.append(Replica(id: "worker-\(made)", phase: arrival))
            made += 1
        }
        fleet.replicas = replicas
    }
}
