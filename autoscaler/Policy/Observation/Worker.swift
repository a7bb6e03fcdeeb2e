/// One worker: a pod, or a process on this machine.
public struct Worker: Sendable, Equatable {
    /// How far it has come up.
    public enum Phase: Sendable, Equatable {
        /// No node has taken it yet, for this long. It holds no memory and runs nothing.
        case pending(Duration)
        /// It has a place, but has not reported ready for this long.
        case starting(Duration)
        /// It reports ready.
        case ready
        /// It was told to go. It no longer counts as a replica.
        case terminating
    }

    /// What it is doing.
    public enum Activity: Sendable, Equatable {
        /// It holds no job.
        case idle
        /// It holds a job, of which this fraction (0…1) is done.
        case busy(progress: Double)
        /// It should have reported and did not; it is treated as busy.
        case unknown
    }

    /// Its pod name or process name; unique in the fleet.
    public var id: String
    /// How far it has come up.
    public var phase: Phase
    /// What it is doing. A worker that has not come up yet is idle.
    public var activity: Activity
    /// It has been told to claim no further job, and can no longer claim one: only set this once the mark has
    /// taken effect, since an idle draining worker may be removed at once.
    public var draining: Bool
    /// How long ago the system last killed it for using too much memory; nil when it never did.
    public var killedForMemory: Duration?

    /// A worker of its parts.
    public init(
        id: String, phase: Phase = .ready, activity: Activity = .idle, draining: Bool = false,
        killedForMemory: Duration? = nil
    ) {
        self.id = id
        self.phase = phase
        self.activity = activity
        self.draining = draining
        self.killedForMemory = killedForMemory
    }

    /// It holds a job, or may hold one.
    public var isBusy: Bool { activity != .idle }

    /// It counts as a replica.
    public var isLive: Bool { phase != .terminating }

    /// No node has taken it yet.
    public var isPending: Bool {
        if case .pending = phase { true } else { false }
    }

    /// Removing it now interrupts nothing: nothing runs in it, or it is idle and can claim no more.
    public var isRemovable: Bool { isPending || (draining && !isBusy) }
}
