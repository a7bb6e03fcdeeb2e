/// How a controller works, beside its policy.
public struct ControllerOptions: Sendable, Equatable {
    /// The pause between rounds; a job that arrives starts one at once.
    public var interval: Duration
    /// A worker that said nothing for so long is not known to be idle.
    public var heartbeatTimeout: Duration
    /// Changes of the number of replicas within this time are announced together.
    public var eventWindow: Duration

    /// Options of a controller.
    public init(
        interval: Duration = .seconds(1), heartbeatTimeout: Duration = .seconds(10),
        eventWindow: Duration = .seconds(30)
    ) {
        self.interval = interval
        self.heartbeatTimeout = heartbeatTimeout
        self.eventWindow = eventWindow
    }
}
