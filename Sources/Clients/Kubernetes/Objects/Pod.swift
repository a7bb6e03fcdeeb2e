public import Foundation

/// A pod, as far as a scaler looks at it.
public struct Pod: Sendable, Equatable, Codable {
    /// The state that the kubelet and the scheduler report.
    public struct State: Sendable, Equatable, Codable {
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        public var phase: String?
        /// Why the whole pod failed, for instance `Evicted`.
        public var reason: String?
        /// What holds for the pod: `Ready`, `PodScheduled`, …
        public var conditions: [Condition]?
        /// One a container.
        public var containerStatuses: [ContainerState]?
    }

    /// Something that does or does not hold.
    public struct Condition: Sendable, Equatable, Codable {
        /// What it is about.
        public var type: String
        /// `True`, `False` or `Unknown`.
        public var status: String
        /// A word for programs.
        public var reason: String?
        /// A sentence for people.
        public var message: String?
        /// Since when.
        public var lastTransitionTime: Date?
    }

    /// The state of one container.
    public struct ContainerState: Sendable, Equatable, Codable {
        /// One of the three has a value.
        public struct Phase: Sendable, Equatable, Codable {
            /// Not started, and why.
            public var waiting: Reason?
            /// Ended, and why.
            public var terminated: Reason?
        }

        /// Why it waits or ended.
        public struct Reason: Sendable, Equatable, Codable {
            /// A word for programs: `OOMKilled`, `CrashLoopBackOff`, `ImagePullBackOff`, …
            public var reason: String?
            /// A sentence for people.
            public var message: String?
            /// The exit code of what ended.
            public var exitCode: Int?
            /// When it ended.
            public var finishedAt: Date?
        }

        /// The container's name.
        public var name: String
        /// Whether its readiness probe succeeds.
        public var ready: Bool?
        /// How often it was started again.
        public var restartCount: Int?
        /// How it is.
        public var state: Phase?
        /// How it was before its last restart.
        public var lastState: Phase?
    }

    /// The annotation that a ReplicaSet looks at when it chooses whom to end.
    public static let deletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost"

    /// Name, labels, annotations, times.
    public var metadata: ObjectMetadata
    /// What it asks for and where it runs.
    public var spec: PodSpec?
    /// How it is.
    public var status: State?

    /// The name; pods always have one.
    public var name: String { metadata.name ?? "" }
    /// Whether its end has begun.
    public var isTerminating: Bool { metadata.deletionTimestamp != nil }
    /// Whether it has ended, well or not.
    public var isFinished: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }
    /// Whether it is on its way: accepted, but not all containers run yet.
    public var isPending: Bool { status?.phase == "Pending" }
    /// Whether it serves.
    public var isReady: Bool { condition("Ready")?.status == "True" }
    /// Since when it serves.
    public var readySince: Date? { isReady ? condition("Ready")?.lastTransitionTime : nil }
    /// How often its containers were started again.
    public var restarts: Int { (status?.containerStatuses ?? []).reduce(0) { $0 + ($1.restartCount ?? 0) } }
    /// The cost of ending it; a ReplicaSet ends the cheapest first. 0 without the annotation.
    public var deletionCost: Int { metadata.annotations?[Self.deletionCostAnnotation].flatMap { Int($0) } ?? 0 }

    /// The scheduler's sentence when no node has room for it.
    public var unschedulableReason: String? {
        guard let condition = condition("PodScheduled"), condition.status == "False" else { return nil }
        return condition.message ?? condition.reason
    }

    /// Whether a container was ended for its memory, now or before its last restart.
    public var wasOutOfMemory: Bool {
        (status?.containerStatuses ?? []).contains {
            $0.state?.terminated?.reason == "OOMKilled" || $0.lastState?.terminated?.reason == "OOMKilled"
        }
    }

    /// Why a container cannot start, for instance `ImagePullBackOff`; `nil` while it is merely being created.
    public var waitingReason: String? {
        (status?.containerStatuses ?? []).lazy.compactMap { $0.state?.waiting?.reason }
            .first { $0 != "ContainerCreating" && $0 != "PodInitializing" }
    }

    private func condition(_ type: String) -> Condition? { status?.conditions?.first { $0.type == type } }
}
