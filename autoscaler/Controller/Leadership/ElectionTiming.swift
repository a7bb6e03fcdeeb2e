/// How an election is timed. The defaults are those of Kubernetes' own controllers.
public struct ElectionTiming: Sendable, Equatable {
    /// How long the others wait after the last renewal that they saw. Whole seconds.
    public var lease: Duration
    /// How long after its last renewal a leader acts.
    public var renewDeadline: Duration
    /// The pause between attempts.
    public var retry: Duration

    /// Timing of an election.
    public init(
        lease: Duration = .seconds(15), renewDeadline: Duration = .seconds(10), retry: Duration = .seconds(2)
    ) {
        self.lease = lease
        self.renewDeadline = renewDeadline
        self.retry = retry
    }
}
