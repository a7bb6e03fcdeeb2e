import Foundation

/// Everything on the board, read at one moment.
public struct AutoscalerStatus: Sendable, Equatable {
    /// What the autoscaler last said; `nil` when none has ever run.
    public var record: AutoscalerRecord?
    /// What the operator has asked for.
    public var control: AutoscalerControl
    /// The workers that were asked to drain, and by whom.
    public var drains: [String: DrainOrigin]
    /// The moment, by the clock of Redis.
    public var time: Date

    /// A status of its parts.
    public init(
        record: AutoscalerRecord? = nil, control: AutoscalerControl = .automatic, drains: [String: DrainOrigin] = [:],
        time: Date
    ) {
        self.record = record
        self.control = control
        self.drains = drains
        self.time = time
    }
}

/// Who asked a worker to drain. In both cases it claims no more and finishes the job it holds.
public enum DrainOrigin: String, Sendable, Codable {
    /// An operator: the worker ends after its job, as on SIGTERM; whoever keeps workers running starts a fresh one.
    case `operator`
    /// The autoscaler, before it shrinks the fleet: the worker stays without claiming, until it is removed or the mark
    /// is withdrawn because it is needed after all.
    case autoscaler
}
