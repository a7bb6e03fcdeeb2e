import Policy

/// This project's policy as the controller runs it: every second, and at once when a job comes.
public struct PolicyScaler: Scaler {
    /// What it is called in reports.
    public let name: String
    /// A second.
    public let period = 1.0
    /// It does.
    public let wakesOnArrival = true
    private let policy: ScalingPolicy
    private var history = History()

    /// The policy with these settings.
    ///
    /// - Throws: `SettingsError` naming the setting that cannot be.
    public init(_ settings: Settings, name: String = "msaas") throws(SettingsError) {
        policy = try ScalingPolicy(settings)
        self.name = name
    }

    /// Decides, and remembers for the next time.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        let decision = policy.decide(observation, history: history, now: now)
        history = decision.history
        // The text is costly and only read when the number changes.
        let changes = decision.replicas != observation.fleet.value?.replicas
        return ScalingStep(
            replicas: decision.replicas, draining: decision.draining, leaving: decision.leaving,
            why: changes ? decision.explanation : "")
    }
}
