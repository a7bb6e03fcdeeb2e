import Policy

/// Anything that resizes a fleet.
public protocol Scaler: Sendable {
    /// What it is called in reports.
    var name: String { get }
    /// Seconds from one look at the cluster to the next.
    var period: Double { get }
    /// It also looks at once when a job comes.
    var wakesOnArrival: Bool { get }
    /// Each of its pods takes one job, and is over with it.
    var podsEndAfterTheirJob: Bool { get }
    /// Looks at the cluster and says what is to be done.
    mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep
}

extension Scaler {
    /// It does not.
    public var wakesOnArrival: Bool { false }
    /// They do not.
    public var podsEndAfterTheirJob: Bool { false }
}

/// What a scaler wants done.
public struct ScalingStep: Sendable, Equatable {
    /// The replicas to set; nil: as they are.
    public var replicas: Int?
    /// The workers that must claim no more; nil: as they are.
    public var draining: [String]?
    /// The workers whose deletion cost is lowered.
    public var leaving: [String]
    /// Why, in words.
    public var why: String

    /// A step of its parts.
    public init(replicas: Int?, draining: [String]? = nil, leaving: [String] = [], why: String) {
        self.replicas = replicas
        self.draining = draining
        self.leaving = leaving
        self.why = why
    }
}

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
