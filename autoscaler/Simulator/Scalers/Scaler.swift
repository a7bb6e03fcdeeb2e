import Policy

/// Anything that resizes a fleet.
public protocol Scaler: Sendable {
    /// What it is called in reports.
    var name: String { get }
    /// Seconds from one look at the cluster to the next.
    var period: Double { get }
    /// It also looks at once when a job comes.
    var wakesOnArrival: Bool { get }
    /// Looks at the cluster and says what is to be done.
    mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep
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
