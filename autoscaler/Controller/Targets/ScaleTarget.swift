public import Policy

/// What is scaled: a Deployment, or the worker processes of one machine.
///
/// A controller calls ``observe()`` and ``headroom(for:)`` every round, from one task, and ``resize(_:to:leaving:)`` while
/// it leads. Whatever throws is told to the operator in the words of the error's description, and nothing is done on it.
public protocol ScaleTarget: Sendable {
    /// What it is, for logs: `deployment msaas/worker`.
    var name: String { get }

    /// Keeps itself up to date until the task is cancelled.
    ///
    /// - Parameter changed: to be called when workers came, went or became ready, so that the controller looks at once.
    func run(changed: @escaping @Sendable () -> Void) async

    /// The workers as they are.
    func observe() async throws -> TargetState

    /// What further workers may ask for.
    func headroom(for state: TargetState) async throws -> Headroom

    /// Sets how many workers there are to be.
    ///
    /// - Parameters:
    ///   - state: what the decision was taken on. If there is another number of replicas by now, this throws
    ///     ``TargetError/changedMeanwhile(name:)``, and the controller looks again.
    ///   - replicas: the wanted number.
    ///   - leaving: the workers to go when the number is lowered. They hold no job and claim none. No other worker may go
    ///     in their place; a worker process is sent SIGTERM.
    func resize(_ state: TargetState, to replicas: Int, leaving: [String]) async throws

    /// Asks whatever moves workers about, such as a tool that saves nodes, to leave these alone: they hold a job. All others
    /// may be moved.
    func protect(_ busy: Set<String>) async throws

    /// Tells people, where there is a place for it.
    func announce(_ announcement: Announcement) async throws
}

extension ScaleTarget {
    /// Nobody moves workers about.
    public func protect(_ busy: Set<String>) async throws {}
}

/// The workers as a ``ScaleTarget`` found them.
public struct TargetState: Sendable, Equatable {
    /// How many workers there are to be.
    public var replicas: Int
    /// The workers that exist.
    public var members: [FleetMember]
    /// How many workers the system counts; `members` may be behind. `nil` where nobody counts.
    public var created: Int?
    /// Why the system refuses to create workers, in its words.
    public var refusal: String?
    /// Nobody has ever set the number.
    public var isAsCreated: Bool
    /// What tells the scaled object from an earlier one of its name.
    public var identity: String?
    /// What tells this state from a later one, for the target's own use.
    public var version: String?

    /// A state of its parts.
    public init(
        replicas: Int, members: [FleetMember], created: Int? = nil, refusal: String? = nil, isAsCreated: Bool = false,
        identity: String? = nil, version: String? = nil
    ) {
        self.replicas = replicas
        self.members = members
        self.created = created
        self.refusal = refusal
        self.isAsCreated = isAsCreated
        self.identity = identity
        self.version = version
    }
}

/// A worker as its target sees it: whether it is there, not what it does.
public struct FleetMember: Sendable, Equatable {
    /// The pod's or the process's name. The worker says the same one with its heartbeats (`WORKER_ID`).
    public var id: String
    /// How far it has come up.
    public var phase: Replica.Phase
    /// Nothing runs in it, though it has a place: its image is being fetched, or it waits to be started again.
    public var isStopped: Bool
    /// How long ago it was last killed for using too much memory; `nil` when it never was.
    public var killedForMemory: Duration?
    /// Why it finds no place or does not start, in the system's words.
    public var obstacle: String?
    /// Which version of the program it is; `nil` where there is only one.
    public var revision: String?
    /// The address of its metrics; `nil` where it has none.
    public var metrics: String?

    /// A worker of its parts.
    public init(
        id: String, phase: Replica.Phase = .ready, isStopped: Bool = false, killedForMemory: Duration? = nil,
        obstacle: String? = nil, revision: String? = nil, metrics: String? = nil
    ) {
        self.id = id
        self.phase = phase
        self.isStopped = isStopped
        self.killedForMemory = killedForMemory
        self.obstacle = obstacle
        self.revision = revision
        self.metrics = metrics
    }
}

/// Why a target cannot be read or resized, beside the errors of the system behind it.
public enum TargetError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Somebody else has changed the number of replicas since it was read.
    case changedMeanwhile(name: String)
    /// What is known of the workers may be out of date; why.
    case outOfDate(String)

    /// A sentence for the operator.
    public var description: String {
        switch self {
        case .changedMeanwhile(let name):
            "Somebody else has changed the number of replicas of \(name) in the meantime; it will be read again."
        case .outOfDate(let why): why
        }
    }
}
