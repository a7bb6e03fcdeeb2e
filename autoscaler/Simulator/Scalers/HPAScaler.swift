import Policy

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
