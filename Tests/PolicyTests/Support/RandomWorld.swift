import Pacing
import Policy

/// A service with a random life: jobs come and end, pods are slow, memory comes and goes, readings fail, the policy
/// restarts. It carries decisions out as a ReplicaSet would, and notes every broken promise.
struct RandomWorld {
    var generator: SeededGenerator
    var policy: ScalingPolicy
    var history = History()
    var waiting = 0
    var replicas = 0
    var workers: [Replica] = []
    var freeMemory: Int64
    var control: Control = .automatic
    var broken: [String] = []
    private var made = 0
    /// The version that new workers are of; more than one lives while it is rolled out.
    private var revision = 0

    static let request: Int64 = 100

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        var settings = Settings()
        settings.minReplicas = Int.random(in: 0...3, using: &generator)
        settings.maxReplicas = settings.minReplicas + Int.random(in: 1...12, using: &generator)
        settings.targetJobsPerWorker = Int.random(in: 1...4, using: &generator)
        settings.stabilisationWindow = .seconds(Int.random(in: 0...20, using: &generator))
        settings.settleWindow = .seconds(Int.random(in: 0...40, using: &generator))
        settings.growthPause = .seconds(Int.random(in: 0...3, using: &generator))
        settings.idleWindow = .seconds(Int.random(in: 0...20, using: &generator))
        settings.growthStep = Int.random(in: 1...8, using: &generator)
        settings.sparePercent = Int.random(in: 0...50, using: &generator)
        settings.trendPercent = Int.random(in: 0...200, using: &generator)
        policy = try ScalingPolicy(settings)
        freeMemory = Int64.random(in: 0...2000, using: &generator)
    }

    mutating func run(seconds: Int) {
        for second in 0..<seconds where broken.isEmpty {
            live()
            let observation = look()
            let decision = policy.decide(observation, history: history, now: Moment(.seconds(second)))
            check(decision, observation, second)
            history = chance(0.005) ? History() : decision.history
            carryOut(decision, second)
        }
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &generator) < probability
    }

    private mutating func live() {
        if chance(0.1) { waiting += Int.random(in: 1...15, using: &generator) }
        if chance(0.02) { control = .paused }
        if chance(0.02) { control = .override(Int.random(in: 0...20, using: &generator)) }
        if chance(0.1) { control = .automatic }
        if chance(0.01) { revision += 1 }
        rollOut()
        if chance(0.05) { freeMemory = Int64.random(in: 0...1500, using: &generator) }
        for index in workers.indices {
            switch (workers[index].phase, workers[index].activity) {
            case (.pending(let age), _):
                workers[index].phase = .pending(age + .seconds(1))
                if freeMemory >= Self.request, chance(0.5) {
                    freeMemory -= Self.request
                    workers[index].phase = .starting(.zero)
                }
            case (.starting(let age), _):
                workers[index].phase = chance(0.3) ? .ready : .starting(age + .seconds(1))
            case (.ready, .idle):
                if waiting > 0, !workers[index].draining, chance(0.8) {
                    waiting -= 1
                    workers[index].activity = .busy(progress: 0)
                }
                workers[index].killedForMemory = chance(0.005) ? .zero : nil
            case (_, .busy(let progress)):
                let next = progress + Double.random(in: 0...0.2, using: &generator)
                workers[index].activity = next >= 1 ? .idle : .busy(progress: next)
            default: break
            }
        }
    }

    /// As a Deployment rolls out: a quarter more workers than are set, and an old one goes for each new one that is ready; it
    /// is given the time to finish.
    private mutating func rollOut() {
        let old = workers.filter { $0.revision != "v\(revision)" }
        guard !old.isEmpty else { return }
        let surge = max(1, replicas / 4)
        if workers.count < replicas + surge, workers.count - old.count < replicas {
            workers.append(Replica(id: "worker-\(made)", phase: .pending(.zero), revision: "v\(revision)"))
            made += 1
        }
        let ready = workers.count { $0.phase == .ready }
        if ready > replicas, let victim = old.first(where: { !$0.isBusy }) {
            if !victim.isPending { freeMemory += Self.request }
            workers.removeAll { $0.id == victim.id }
        }
    }

    private mutating func look() -> Observation {
        let busy = workers.count { $0.isBusy }
        let measured = chance(0.7)
        return Observation(
            backlog: chance(0.05)
                ? .unknown("redis")
                : .known(
                    Backlog(
                        waiting: waiting, inFlight: busy, waitingAudio: measured ? Double(waiting) * 200 : nil,
                        inFlightAudio: measured ? Double(busy) * 90 : nil, realTimeFactor: measured ? 0.3 : nil)),
            fleet: chance(0.03) ? .unknown("api") : .known(Fleet(replicas: replicas, workers: workers)),
            headroom: chance(0.05) ? .unknown("nodes") : .known(Headroom(request: Self.request, nodes: [freeMemory])),
            control: control)
    }

    private mutating func check(_ decision: Decision, _ observation: Observation, _ second: Int) {
        func expect(_ holds: Bool, _ promise: String) {
            if !holds { broken.append("at \(second) s: \(promise): \(decision)") }
        }
        let settings = policy.settings
        guard let fleet = observation.fleet.value, let wanted = decision.replicas else {
            return expect(decision.replicas == nil, "no data, no action")
        }
        expect(!decision.reasons.isEmpty, "every decision has a reason")
        expect(wanted >= min(fleet.busy, fleet.replicas), "never below the busy")
        expect(wanted <= max(fleet.replicas, decision.target ?? 0), "never above what is there and what is wanted")
        expect(wanted <= max(settings.maxReplicas, fleet.replicas), "never grown above the maximum")
        if fleet.isRollingOut, wanted < fleet.replicas {
            expect(wanted >= fleet.workers.count, "no worker goes while two versions live")
        }
        if fleet.isRollingOut { expect(decision.leaving.isEmpty, "nobody leaves while two versions live") }
        let manual = if case .override = observation.control { true } else { false }
        if observation.control == .paused || (observation.backlog.value == nil && !manual) {
            return expect(wanted == fleet.replicas, "held")
        }
        let ceiling = observation.headroom.value?.ceiling(for: fleet)?.workers
        if let ceiling, !fleet.isRollingOut { expect(wanted <= ceiling, "never above memory") }
        if let ceiling { expect(wanted <= max(ceiling, fleet.replicas), "never grown above memory") }
        if observation.headroom.value == nil { expect(wanted <= fleet.replicas, "no growth without memory's reading") }
        let target = decision.target ?? -1
        if !manual, target > fleet.replicas {
            let jobs = observation.backlog.value.map { $0.waiting + $0.inFlight } ?? 0
            let share = max(settings.trendPercent * jobs, settings.sparePercent * settings.maxReplicas) / 100
            expect(target <= max(settings.minReplicas, jobs + share), "grows by jobs and their share only")
        }
        expect(target <= settings.maxReplicas, "aims within the maximum")
        expect(
            target >= min(settings.minReplicas, ceiling ?? fleet.replicas),
            "aims within the minimum")
        expect(wanted >= target, "shrinks no further than the target")
        expect(Set(decision.draining ?? []).isSubset(of: fleet.workers.map(\.id)), "drains those that exist")
        expect(Set(decision.leaving).isSubset(of: decision.draining ?? []), "whoever leaves has drained")
    }

    /// As a ReplicaSet: pending first, then unready, then drained (lowest deletion cost), then the newest.
    private mutating func carryOut(_ decision: Decision, _ second: Int) {
        mark(decision.draining)
        if let wanted = decision.replicas {
            let leaving = Set(decision.leaving)
            let ranked = workers.enumerated().sorted { left, right in
                rank(left.element, leaving) == rank(right.element, leaving)
                    ? left.offset > right.offset : rank(left.element, leaving) < rank(right.element, leaving)
            }
            let isRollingOut = Set(workers.map(\.revision)).count > 1
            for (_, worker) in ranked.prefix(isRollingOut ? 0 : max(0, workers.count - wanted)) {
                if worker.isBusy { broken.append("at \(second) s: killed \(worker.id)") }
                if !worker.isPending { freeMemory += Self.request }
                workers.removeAll { $0.id == worker.id }
            }
            while workers.count < wanted {
                workers.append(Replica(id: "worker-\(made)", phase: .pending(.zero), revision: "v\(revision)"))
                made += 1
            }
            replicas = wanted
        }
    }

    /// Marks those that drain. Whoever claims just before is busy and drains.
    private mutating func mark(_ draining: [String]?) {
        guard let draining else { return }
        for index in workers.indices {
            if waiting > 0, workers[index].phase == .ready, !workers[index].isBusy, !workers[index].draining,
                chance(0.3)
            {
                waiting -= 1
                workers[index].activity = .busy(progress: 0)
            }
            workers[index].draining = draining.contains(workers[index].id)
        }
    }

    private func rank(_ worker: Replica, _ leaving: Set<String>) -> Int {
        switch worker.phase {
        case .pending: 0
        case .starting: 1
        default: leaving.contains(worker.id) ? 2 : 3
        }
    }
}
