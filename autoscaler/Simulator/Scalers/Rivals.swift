import Policy

/// What the Horizontal Pod Autoscaler does with a recommendation, with its default behaviour: within a tenth nothing
/// changes; up by four pods or 100 % in 15 s; down to the highest recommendation of five minutes.
struct HorizontalRules: Sendable {
    /// Seconds between two looks.
    static let period = 15.0
    private static let tolerance = 0.1
    private static let window: Duration = .seconds(300)
    private var recommendations: [(at: Moment, value: Int)] = []

    /// The replicas to set, when `current` pods carry `ratio` times the load they should.
    mutating func replicas(_ current: Int, ratio: Double, bounds: ClosedRange<Int>, now: Moment) -> Int {
        let raw = abs(ratio - 1) <= Self.tolerance ? Double(current) : (Double(current) * ratio).rounded(.up)
        let wanted = min(max(Int(min(raw, 1e6)), bounds.lowerBound), bounds.upperBound)
        recommendations.removeAll { $0.at.duration(to: now) > Self.window }
        recommendations.append((now, wanted))
        if wanted >= current { return min(wanted, current + max(4, current)) }
        return min(current, recommendations.map(\.value).max() ?? wanted)
    }

    mutating func forget() { recommendations = [] }
}

/// As the Horizontal Pod Autoscaler scales on CPU use: a busy worker uses all of its CPU, an idle one none, and the
/// target is 70 %. It sees no queue, keeps at least one pod and drains no one.
public struct HPAScaler: Scaler {
    /// What it is called in reports.
    public let name = "hpa-like"
    /// Its default.
    public let period = HorizontalRules.period
    /// It does not.
    public let wakesOnArrival = false
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

/// As KEDA scales on a Redis list: the list's length alone, five jobs a replica, through the Horizontal Pod Autoscaler;
/// from and to zero by itself, every 30 s and after a cooldown of 300 s. It sees no jobs in flight and drains no one.
public struct KEDAScaler: Scaler {
    /// What it is called in reports.
    public let name = "keda-like"
    /// As the Horizontal Pod Autoscaler.
    public let period = HorizontalRules.period
    /// It does not.
    public let wakesOnArrival = false
    private let bounds: ClosedRange<Int>
    private let listLength: Double
    private var rules = HorizontalRules()
    private var looks = 0
    private var lastActive: Moment?

    /// KEDA's defaults within the bounds of `settings`.
    public init(_ settings: Settings, listLength: Int = 5) {
        bounds = settings.minReplicas...max(settings.minReplicas, settings.maxReplicas)
        self.listLength = Double(max(1, listLength))
    }

    /// Looks at the list's length.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let waiting = observation.backlog.value?.waiting else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        looks += 1
        let isPoll = looks % 2 == 1
        if isPoll, waiting > 0 { lastActive = now }
        if fleet.replicas == 0 {
            guard isPoll, waiting > 0 else { return ScalingStep(replicas: nil, why: "inactive") }
            return ScalingStep(replicas: max(1, bounds.lowerBound), why: "active: \(waiting) in the list")
        }
        let isCold = lastActive.map { $0.duration(to: now) >= .seconds(300) } ?? true
        if isPoll, waiting == 0, isCold, bounds.lowerBound == 0 {
            rules.forget()
            return ScalingStep(replicas: 0, why: "cooldown is over")
        }
        let replicas = rules.replicas(
            fleet.replicas, ratio: Double(waiting) / listLength / Double(fleet.replicas),
            bounds: max(1, bounds.lowerBound)...bounds.upperBound, now: now)
        return ScalingStep(replicas: replicas, why: "\(waiting) in the list")
    }
}
