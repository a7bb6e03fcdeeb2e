/// Everything that one decision is taken on, read at about the same moment.
public struct Observation: Sendable, Equatable {
    /// The jobs to do, from Redis.
    public var backlog: Reading<Backlog>
    /// The workers that exist, from the Kubernetes API (or the local supervisor) and their heartbeats.
    public var fleet: Reading<Fleet>
    /// The memory that further workers may ask for.
    public var memory: Reading<MemoryRoom>
    /// What the operator has asked for.
    public var control: Control

    /// An observation of its parts.
    public init(
        backlog: Reading<Backlog>, fleet: Reading<Fleet>, memory: Reading<MemoryRoom>, control: Control = .automatic
    ) {
        self.backlog = backlog
        self.fleet = fleet
        self.memory = memory
        self.control = control
    }
}

/// What was read from another system, or why it could not be read. Missing data is never mistaken for zero.
public enum Reading<Value: Sendable & Equatable>: Sendable, Equatable {
    /// It was read.
    case known(Value)
    /// It could not be read; the text says why, in words for the operator.
    case unknown(String)

    /// The value, or nil when it could not be read.
    public var value: Value? {
        if case .known(let value) = self { value } else { nil }
    }
}

/// What the operator has asked for.
public enum Control: Sendable, Equatable {
    /// The policy decides.
    case automatic
    /// Nothing is changed until the pause ends.
    case paused
    /// This many workers, whatever the demand; still within the bounds and the memory, and still without a kill.
    case override(Int)
}

/// The jobs to do and how fast they are done.
public struct Backlog: Sendable, Equatable {
    /// Jobs that no worker has claimed.
    public var waiting: Int
    /// Jobs that a worker holds a lease on.
    public var inFlight: Int
    /// Seconds of audio of the waiting jobs; those of unknown length count as the mean of finished ones.
    /// Nil while no length is known.
    public var waitingAudio: Double?
    /// Seconds of audio that in-flight jobs have yet to separate. Nil while no length is known.
    public var inFlightAudio: Double?
    /// Seconds of work for one second of audio on one worker, measured on finished jobs.
    /// Nil before the first; then demand counts jobs only.
    public var realTimeFactor: Double?

    /// A backlog of its parts.
    public init(
        waiting: Int, inFlight: Int = 0, waitingAudio: Double? = nil, inFlightAudio: Double? = nil,
        realTimeFactor: Double? = nil
    ) {
        self.waiting = waiting
        self.inFlight = inFlight
        self.waitingAudio = waitingAudio
        self.inFlightAudio = inFlightAudio
        self.realTimeFactor = realTimeFactor
    }

    /// Jobs that are not finished.
    public var jobs: Int { max(0, waiting) + max(0, inFlight) }
}

/// The workers that exist and how many there should be.
public struct Fleet: Sendable, Equatable {
    /// How many replicas the Deployment (or the local supervisor) was last told to keep.
    public var replicas: Int
    /// The workers that exist, also those that are coming up or going away.
    public var workers: [Replica]

    /// A fleet of `workers`, told to be `replicas`.
    public init(replicas: Int, workers: [Replica]) {
        self.replicas = replicas
        self.workers = workers
    }

    /// How many live workers hold, or may hold, a job.
    public var busy: Int { workers.count { $0.isLive && $0.isBusy } }

    /// How many workers are ready and hold no job.
    public var idle: Int { workers.count { $0.phase == .ready && !$0.isBusy } }

    /// How many workers report ready.
    public var ready: Int { workers.count { $0.phase == .ready } }

    /// The workers that have been told to claim no more.
    public var draining: [String] { workers.filter { $0.draining && $0.isLive }.map(\.id) }
}

/// One worker: a pod, or a process on this machine.
public struct Replica: Sendable, Equatable {
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

/// What is left of the memory that workers are given out of. All sizes are in bytes.
public struct MemoryRoom: Sendable, Equatable {
    /// What one worker asks for.
    public var request: Int64
    /// What each node still has to give; a worker must fit one of them whole.
    /// Nil when the nodes do not limit us or may not be read: then only workers left pending show that they are full.
    public var nodes: [Int64]?
    /// What the namespace's quota leaves. Nil when there is no quota.
    public var quota: Int64?

    /// A room of its parts.
    public init(request: Int64, nodes: [Int64]? = nil, quota: Int64? = nil) {
        self.request = request
        self.nodes = nodes
        self.quota = quota
    }

    /// Memory that never limits.
    public static let unlimited = MemoryRoom(request: 0)

    /// The largest number of replicas that memory allows `fleet` to have; nil when there is no limit.
    ///
    /// Workers that have a place keep it. A pending worker has no place on a node yet, but its request already counts
    /// against the quota.
    public func ceiling(for fleet: Fleet) -> Int? {
        guard request > 0 else { return nil }
        let live = fleet.workers.count(where: \.isLive)
        let placed = fleet.workers.count { $0.isLive && !$0.isPending }
        let byNodes = nodes.map { placed + $0.reduce(0) { $0 + Int(max(0, $1) / request) } }
        let byQuota = quota.map { live + Int(max(0, $0) / request) }
        return [byNodes, byQuota].compactMap(\.self).min()
    }
}
