import Pacing
import Policy

/// Plays a trace of requests against the policy for functions, and a modelled cluster.
///
/// The model: requests are shared out evenly over the ready pods, each takes its time, and a pod refuses what comes beyond its limit. The
/// policy looks once a second at what was in flight since it last looked, as the controller does. Pods take their time to start; one that
/// is told to go takes no more and finishes what it has, which costs as long as a request takes.
public struct RequestSimulation {
    /// What the function is like.
    public struct Service: Sendable, Equatable {
        /// How long a request takes, in seconds.
        public var requestTime = 0.05
        /// How many requests one pod is there for (`limits.targetConcurrency`), where the settings do not say.
        public var target = 16
        /// How many a pod takes at once (`limits.maxConcurrency`).
        public var most = 64

        /// The defaults.
        public init() {}

        /// Checks every value.
        ///
        /// - Throws: `ConditionsError` naming what cannot be.
        public func validate() throws(ConditionsError) {
            guard requestTime.isFinite, (0.001...3600).contains(requestTime) else {
                throw ConditionsError(
                    description: "The time of a request is \(requestTime), but it must be from 0.001 to 3600 seconds.")
            }
            guard (1...1_000_000).contains(target), (target...1_000_000).contains(most) else {
                throw ConditionsError(
                    description:
                        "A pod takes \(most) requests and is there for \(target); the first must not be the smaller.")
            }
        }
    }

    private struct Pod {
        var id: String
        var ready: Double
        var created: Double
    }

    /// The length of a step in seconds.
    private static let step = 0.05

    private let trace: RequestTrace
    private let conditions: Conditions
    private let service: Service
    private let policy: ConcurrencyPolicy
    private var generator: SeededGenerator
    private var pods: [Pod] = []
    private var made = 0
    private var inFlight = 0.0
    private var history = History()
    private var report: RequestReport

    /// Plays `trace` from the minimum of pods, which are up, to its end.
    ///
    /// - Throws: `ConditionsError` when conditions or service cannot be.
    public static func run(
        _ trace: RequestTrace, _ policy: ConcurrencyPolicy, _ conditions: Conditions, _ service: Service,
        name: String = "msaas"
    ) throws(ConditionsError) -> RequestReport {
        try conditions.validate()
        try service.validate()
        var simulation = RequestSimulation(
            trace: trace, conditions: conditions, service: service, policy: policy,
            generator: SeededGenerator(seed: conditions.seed),
            report: RequestReport(policy: name, trace: trace.name, span: trace.span))
        simulation.play()
        return simulation.report
    }

    private mutating func play() {
        for _ in 0..<policy.settings.minReplicas { addPod(ready: 0, at: 0) }
        var next = 0
        var rate = 0.0
        var (seen, steps) = (0.0, 0)
        for index in 0..<Int((trace.span / Self.step).rounded()) {
            let now = Double(index) * Self.step
            while next < trace.steps.count, trace.steps[next].at <= now + 1e-9 {
                rate = trace.steps[next].rate
                next += 1
            }
            serve(rate, at: now)
            seen += inFlight
            steps += 1
            if index % Int(1 / Self.step) == Int(1 / Self.step) - 1 {
                decide(seen / Double(steps), at: now)
                (seen, steps) = (0, 0)
            }
        }
    }

    /// One step: what comes, what is refused, what is done. What is in flight follows the rate times a request's time (Little's law), as fast
    /// as requests end.
    private mutating func serve(_ rate: Double, at now: Double) {
        let ready = Double(pods.count { $0.ready <= now })
        let share = min(1, Self.step / service.requestTime)
        let kept = inFlight * (1 - share)
        let taken = min(rate, max(0, ready * Double(service.most) - kept) / (service.requestTime * share))
        inFlight = kept + taken * service.requestTime * share
        let came = rate * Self.step
        report.requests += came
        report.refused += (rate - taken) * Self.step
        if inFlight > ready * perPod { report.crowded += came }
        report.podHours += Double(pods.count) * Self.step / 3600
        report.peak = max(report.peak, pods.count)
    }

    private var perPod: Double {
        Double(policy.settings.targetConcurrency > 0 ? policy.settings.targetConcurrency : service.target)
    }

    private mutating func decide(_ inFlight: Double, at now: Double) {
        let ready = pods.filter { $0.ready <= now }
        let load = Load(
            inFlight: inFlight, pods: inFlight / perPod, answering: ready.count,
            byPod: Dictionary(uniqueKeysWithValues: ready.map { ($0.id, inFlight / Double(max(1, ready.count))) }))
        let fleet = Fleet(
            replicas: pods.count,
            workers: pods.map { pod in
                Replica(id: pod.id, phase: pod.ready <= now ? .ready : .starting(.seconds(now - pod.created)))
            })
        let decision = policy.decide(
            LoadObservation(load: .known(load), fleet: .known(fleet), headroom: .known(.unlimited)), history: history,
            now: Moment(.seconds(now)))
        history = decision.history
        guard let wanted = decision.replicas, wanted != pods.count else { return }
        report.actions.append(
            SimulationReport.Action(
                at: now, from: pods.count, to: wanted, why: decision.explanation(ofGrowth: wanted > pods.count)))
        let leaving = Set(decision.leaving)
        report.podHours += Double(leaving.count) * service.requestTime / 3600
        pods.removeAll { leaving.contains($0.id) }
        while pods.count < wanted {
            let variation = (generator.fraction() * 2 - 1) * conditions.podStartSpread
            let isCold = generator.fraction() < conditions.coldShare
            let start = isCold ? max(conditions.coldStart, conditions.podStart) : conditions.podStart * (1 + variation)
            addPod(ready: now + start, at: now)
        }
    }

    private mutating func addPod(ready: Double, at now: Double) {
        pods.append(Pod(id: "pod-\(made)", ready: ready, created: now))
        made += 1
    }
}

/// What the policy did with a trace of requests.
public struct RequestReport: Sendable, Codable {
    /// What it is called.
    public var policy: String
    /// The trace's name.
    public var trace: String
    /// Seconds simulated.
    public var span: Double
    /// Requests that came.
    public var requests = 0.0
    /// Those that no pod had room for.
    public var refused = 0.0
    /// Those that came while pods had more in flight than they are there for.
    public var crowded = 0.0
    /// What the pods cost.
    public var podHours = 0.0
    /// The most pods at once.
    public var peak = 0
    /// Every change, in order.
    public var actions: [SimulationReport.Action] = []

    init(policy: String, trace: String, span: Double) { (self.policy, self.trace, self.span) = (policy, trace, span) }
}

/// Reports side by side as aligned text.
public struct RequestTable: CustomStringConvertible {
    private let reports: [RequestReport]

    /// A table with one row for each report.
    public init(_ reports: [RequestReport]) { self.reports = reports }

    /// The table, with a line break after each row.
    public var description: String {
        alignedRows(
            [["policy", "refused", "crowded", "pod hours", "peak", "scalings"]]
                + reports.map { report in
                    [report.policy] + [report.refused, report.crowded].map { share($0, of: report.requests) } + [
                        decimal(report.podHours, digits: 2), "\(report.peak)", "\(report.actions.count)",
                    ]
                })
    }

    private func share(_ part: Double, of all: Double) -> String {
        "\(decimal(all > 0 ? part / all * 100 : 0, digits: 2)) %"
    }
}
