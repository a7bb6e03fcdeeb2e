import Policy

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
