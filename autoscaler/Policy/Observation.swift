/// Everything that one decision is taken on, read at about the same moment.
public struct Observation: Sendable, Equatable {
    /// The jobs to do, from Redis.
    public var backlog: Reading<Backlog>
    /// The workers that exist, from the Kubernetes API (or the local supervisor) and their heartbeats.
    public var fleet: Reading<Fleet>
    /// What further workers may ask for.
    public var headroom: Reading<Headroom>
    /// What the operator has asked for.
    public var control: Control

    /// An observation of its parts.
    public init(
        backlog: Reading<Backlog>, fleet: Reading<Fleet>, headroom: Reading<Headroom>, control: Control = .automatic
    ) {
        self.backlog = backlog
        self.fleet = fleet
        self.headroom = headroom
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
    /// Somebody else has set this many replicas; they are left alone for so long.
    case yielding(to: Int, for: Duration)
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
    /// How many workers the Deployment says that it has; `workers` may be behind. Nil where nobody counts them.
    public var created: Int?
    /// Why the cluster refuses to create workers, in its words; nil while it does not.
    public var refusal: String?
    /// Nobody has ever set the number: the Deployment is as it was created.
    public var isAsCreated: Bool

    /// A fleet of `workers`, told to be `replicas`.
    public init(
        replicas: Int, workers: [Replica], created: Int? = nil, refusal: String? = nil, isAsCreated: Bool = false
    ) {
        self.replicas = replicas
        self.workers = workers
        self.created = created
        self.refusal = refusal
        self.isAsCreated = isAsCreated
    }

    /// Workers of two versions live beside each other.
    public var isRollingOut: Bool { Set(workers.lazy.filter(\.isLive).compactMap(\.revision)).count > 1 }

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
    /// Why it finds no place or does not come up, in the system's words: `CrashLoopBackOff`, `Insufficient memory`.
    public var obstacle: String?
    /// Which version of the program it is; nil where there is only one.
    public var revision: String?

    /// A worker of its parts.
    public init(
        id: String, phase: Phase = .ready, activity: Activity = .idle, draining: Bool = false,
        killedForMemory: Duration? = nil, obstacle: String? = nil, revision: String? = nil
    ) {
        self.id = id
        self.phase = phase
        self.activity = activity
        self.draining = draining
        self.killedForMemory = killedForMemory
        self.obstacle = obstacle
        self.revision = revision
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

/// What further workers may still ask for: memory on the nodes, and whatever the namespace's quotas ration.
public struct Headroom: Sendable, Equatable {
    /// What one of the namespace's quotas leaves of one resource.
    public struct Quota: Sendable, Equatable {
        /// The resource as the quota names it: `limits.memory`, `requests.cpu`, `count/pods`.
        public var resource: String
        /// How many further workers it is enough for.
        public var workers: Int

        /// So much of a resource.
        public init(resource: String, workers: Int) {
            self.resource = resource
            self.workers = workers
        }
    }

    /// The memory that one worker asks for, in bytes.
    public var request: Int64
    /// What each node still has to give, in bytes; a worker must fit one of them whole.
    /// Nil when the nodes do not limit us or may not be read: then only workers left pending show that they are full.
    public var nodes: [Int64]?
    /// What the namespace's quotas leave.
    public var quotas: [Quota]

    /// Headroom of its parts.
    public init(request: Int64, nodes: [Int64]? = nil, quotas: [Quota] = []) {
        self.request = request
        self.nodes = nodes
        self.quotas = quotas
    }

    /// Nothing limits.
    public static let unlimited = Headroom(request: 0)

    /// The largest number of replicas that `fleet` may have, and the quota's resource if it is one that says so; nil when
    /// there is no limit.
    ///
    /// Workers that have a place keep it. A pending worker has no place on a node yet, but already counts against the
    /// quotas. Workers beyond the number that is set, as during a rollout, keep their place for a while only.
    public func ceiling(for fleet: Fleet) -> (workers: Int, quota: String?)? {
        let live = fleet.workers.count(where: \.isLive)
        let placed = fleet.workers.count { $0.isLive && !$0.isPending }
        var ceilings: [(workers: Int, quota: String?)] = quotas.map {
            (min(live, fleet.replicas) + max(0, $0.workers), $0.resource)
        }
        if let nodes, request > 0 {
            let room = nodes.reduce(0) { $0 + Int(max(0, $1) / request) }
            ceilings.append((min(placed, fleet.replicas) + room, nil))
        }
        return ceilings.min { $0.workers < $1.workers }
    }
}
