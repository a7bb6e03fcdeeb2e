import Policy

/// What the Horizontal Pod Autoscaler does with a recommendation, with its default behaviour: within a tenth nothing
/// changes; up by four pods or 100 % in 15 s; down to the highest recommendation of its window.
///
/// Source: Kubernetes documentation, "Horizontal Pod Autoscaling", and `pkg/controller/podautoscaler`.
struct HorizontalRules: Sendable {
    /// Seconds between two looks, which managed clusters do not let one change.
    static let period = 15.0
    private static let tolerance = 0.1
    /// 300 s unless the manifest says otherwise (`scaleDown.stabilizationWindowSeconds`).
    var window: Duration = .seconds(300)
    private var recommendations: [(at: Moment, value: Int)] = []

    init(window: Duration = .seconds(300)) { self.window = window }

    /// The replicas to set, when `current` pods carry `ratio` times the load they should.
    mutating func replicas(_ current: Int, ratio: Double, bounds: ClosedRange<Int>, now: Moment) -> Int {
        let raw = abs(ratio - 1) <= Self.tolerance ? Double(current) : (Double(current) * ratio).rounded(.up)
        let wanted = min(max(Int(min(raw, 1e6)), bounds.lowerBound), bounds.upperBound)
        recommendations.removeAll { $0.at.duration(to: now) > window }
        recommendations.append((now, wanted))
        if wanted >= current { return min(wanted, current + max(4, current)) }
        return min(current, recommendations.map(\.value).max() ?? wanted)
    }

    mutating func forget() { recommendations = [] }
}

/// The Horizontal Pod Autoscaler on CPU use: a busy worker uses all of its CPU, an idle one none, and the target is 70 %. It
/// sees no queue, keeps at least one pod and drains no one.
public struct CPUScaler: Scaler {
    /// What it is called in reports.
    public let name = "hpa-cpu"
    /// Its default.
    public let period = HorizontalRules.period
    private let bounds: ClosedRange<Int>
    private let target: Double
    private var rules = HorizontalRules()

    /// The defaults within the bounds of `settings`, but with at least one pod.
    public init(_ settings: Settings, target: Double = 0.7) {
        bounds = max(1, settings.minReplicas)...max(1, settings.maxReplicas)
        self.target = target
    }

    /// Looks at the CPU use.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value else { return ScalingStep(replicas: nil, why: "no data") }
        let live = fleet.workers.count(where: \.isLive)
        let ready = fleet.workers.count { $0.phase == .ready }
        let busy = fleet.workers.count { $0.phase == .ready && $0.isBusy }
        guard fleet.replicas > 0, ready > 0 else {
            return ScalingStep(replicas: max(fleet.replicas, bounds.lowerBound), why: "no pod is ready")
        }
        var ratio = Double(busy) / Double(ready) / target
        // Pods that are not ready yet count as using nothing while it grows.
        if ratio > 1 { ratio = max(1, Double(busy) / Double(max(live, ready)) / target) }
        let replicas = rules.replicas(fleet.replicas, ratio: ratio, bounds: bounds, now: now)
        return ScalingStep(replicas: replicas, why: "CPU at \(busy * 100 / ready) %")
    }
}

/// KEDA on a Redis list, through the Horizontal Pod Autoscaler: from and to zero by itself at each poll, in between by the
/// HPA's rules. It drains no one.
public struct KEDAScaler: Scaler {
    /// How it is set up.
    public struct Setup: Sendable {
        /// Seconds between two looks at the list while there is no pod.
        public var poll: Double
        /// How long a smaller number must have been enough, and for which there must have been no job before the last goes.
        public var window: Duration
        /// How many jobs one replica is there for.
        public var jobs: Int
        /// Jobs in flight count too (`scalingModifiers` over a second trigger), not only the list.
        public var countsInFlight: Bool

        /// As nobody has set anything: the list alone, five jobs a replica, every 30 s, 300 s.
        public static let standard = Setup(poll: 30, window: .seconds(300), jobs: 5, countsInFlight: false)

        /// As somebody who knows both KEDA and the service sets it up.
        public static func tuned(window seconds: Int) -> Setup {
            Setup(poll: 1, window: .seconds(seconds), jobs: 1, countsInFlight: true)
        }
    }

    /// What it is called in reports.
    public let name: String
    /// Seconds from one look to the next.
    public let period: Double
    private let setup: Setup
    private let bounds: ClosedRange<Int>
    private var rules: HorizontalRules
    private var lastSync: Moment?
    private var lastActive: Moment?

    /// KEDA within the bounds of `settings`.
    public init(_ settings: Settings, _ setup: Setup = .standard, name: String = "keda") {
        self.name = name
        self.setup = setup
        bounds = settings.minReplicas...max(settings.minReplicas, settings.maxReplicas)
        period = min(setup.poll, HorizontalRules.period)
        rules = HorizontalRules(window: setup.window)
    }

    /// Looks at the list, and every 15 s does what the HPA would.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let backlog = observation.backlog.value else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        let jobs = setup.countsInFlight ? backlog.jobs : backlog.waiting
        if jobs > 0 { lastActive = now }
        if fleet.replicas == 0 {
            guard jobs > 0 else { return ScalingStep(replicas: nil, why: "inactive") }
            return ScalingStep(replicas: max(1, bounds.lowerBound), why: "active: \(jobs) jobs")
        }
        let isCold = lastActive.map { $0.duration(to: now) >= setup.window } ?? true
        if jobs == 0, isCold, bounds.lowerBound == 0 {
            rules.forget()
            return ScalingStep(replicas: 0, why: "the cooldown is over")
        }
        if let lastSync, lastSync.duration(to: now) < .seconds(HorizontalRules.period) {
            return ScalingStep(replicas: nil, why: "between two looks of the HPA")
        }
        lastSync = now
        let replicas = rules.replicas(
            fleet.replicas, ratio: Double(jobs) / Double(max(1, setup.jobs)) / Double(fleet.replicas),
            bounds: max(1, bounds.lowerBound)...bounds.upperBound, now: now)
        return ScalingStep(replicas: replicas, why: "\(jobs) jobs")
    }
}

/// The Horizontal Pod Autoscaler on an external metric, the unfinished jobs, one a pod, also to zero (`HPAScaleToZero`).
public struct ExternalMetricScaler: Scaler {
    /// What it is called in reports.
    public let name = "hpa-external"
    /// Its default.
    public let period = HorizontalRules.period
    private let bounds: ClosedRange<Int>
    private var rules = HorizontalRules()

    /// The defaults within the bounds of `settings`.
    public init(_ settings: Settings) {
        bounds = settings.minReplicas...max(settings.minReplicas, settings.maxReplicas)
    }

    /// Looks at the number of unfinished jobs.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let jobs = observation.backlog.value?.jobs else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        // From zero an average a pod says nothing; it starts as many as the metric asks for, by its rate.
        let current = max(1, fleet.replicas)
        let replicas = rules.replicas(current, ratio: Double(jobs) / Double(current), bounds: bounds, now: now)
        return ScalingStep(replicas: fleet.replicas == 0 && jobs == 0 ? nil : replicas, why: "\(jobs) jobs")
    }
}
