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
        /// Its address in the cluster's network, once it has one.
        public var podIP: String?
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

    /// The annotations by which Karpenter and the Cluster Autoscaler are asked not to move a pod, with what asks for it.
    static let guardAnnotations = [
        "karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    ]

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
    /// How often its containers were started again.
    public var restarts: Int { (status?.containerStatuses ?? []).reduce(0) { $0 + ($1.restartCount ?? 0) } }
    /// The cost of ending it; a ReplicaSet ends the cheapest first. 0 without the annotation.
    public var deletionCost: Int { metadata.annotations?[Self.deletionCostAnnotation].flatMap { Int($0) } ?? 0 }

    /// Whether whoever saves nodes is asked not to move it.
    public var isGuarded: Bool {
        Self.guardAnnotations.allSatisfy { metadata.annotations?[$0.key] == $0.value }
    }

    /// The scheduler's sentence when no node has room for it.
    public var unschedulableReason: String? {
        guard let condition = condition("PodScheduled"), condition.status == "False" else { return nil }
        return condition.message ?? condition.reason
    }

    /// Which version of its Deployment's template it was made from.
    public var revision: String? { metadata.labels?["pod-template-hash"] }

    /// Where its metrics are, by the annotations that Prometheus is told by (`prometheus.io/port`, `/path`); `nil` where it has no
    /// address yet, or shows none.
    public var metricsAddress: String? {
        let annotations = metadata.annotations ?? [:]
        guard annotations["prometheus.io/scrape"] == "true", let address = status?.podIP, !address.isEmpty,
            let port = annotations["prometheus.io/port"].flatMap({ UInt16($0) })
        else { return nil }
        let path = annotations["prometheus.io/path"] ?? "/metrics"
        guard path.hasPrefix("/") else { return nil }
        return "http://\(address.contains(":") ? "[\(address)]" : address):\(port)\(path)"
    }

    /// Why a container cannot start, for instance `ImagePullBackOff`; `nil` while it is merely being created.
    public var waitingReason: String? {
        (status?.containerStatuses ?? []).lazy.compactMap { $0.state?.waiting?.reason }
            .first { $0 != "ContainerCreating" && $0 != "PodInitializing" }
    }

    private func condition(_ type: String) -> Condition? { status?.conditions?.first { $0.type == type } }
}

/// What pods ask for: their containers and what these need.
public struct PodSpec: Sendable, Equatable, Codable {
    /// A container.
    public struct Container: Sendable, Equatable, Codable {
        /// Its name.
        public var name: String
        /// What it needs.
        public var resources: Resources?
        /// `Always` for an init container that keeps running beside the others.
        public var restartPolicy: String?
    }

    /// Requests and limits by resource name.
    public struct Resources: Sendable, Equatable, Codable {
        /// What is set aside on the node.
        public var requests: [String: Quantity]?
        /// What may not be exceeded. Where a resource has a limit only, the request is the same.
        public var limits: [String: Quantity]?

        func request(_ resource: String) -> Quantity { requests?[resource] ?? limits?[resource] ?? Quantity(0) }
        func limit(_ resource: String) -> Quantity { limits?[resource] ?? Quantity(0) }
    }

    /// The node it runs on, once it is scheduled.
    public var nodeName: String?
    /// Its containers; `nil` in bookmarks.
    public var containers: [Container]?
    /// Containers that run before the others.
    public var initContainers: [Container]?
    /// What the pod needs beside its containers, by resource name.
    public var overhead: [String: Quantity]?
    /// Seconds between the signal to end and the kill.
    public var terminationGracePeriodSeconds: Int?

    /// What the scheduler sets aside for a pod: the sum of its containers or, if that is more, the largest init container,
    /// both with the init containers that keep running, and the overhead.
    public func request(_ resource: String) -> Quantity { total(of: resource) { $0.request(resource) } }

    /// What a quota on limits counts for a pod, in the same way; 0 where there is none.
    public func limit(_ resource: String) -> Quantity { total(of: resource) { $0.limit(resource) } }

    private func total(of resource: String, _ amount: (Resources) -> Quantity) -> Quantity {
        var running = Quantity(0)
        var largest = Quantity(0)
        for container in initContainers ?? [] {
            let need = container.resources.map(amount) ?? Quantity(0)
            if container.restartPolicy == "Always" {
                running = running + need
                largest = max(largest, running)
            } else {
                largest = max(largest, running + need)
            }
        }
        let sum = (containers ?? []).reduce(running) { $0 + ($1.resources.map(amount) ?? Quantity(0)) }
        return max(sum, largest) + (overhead?[resource] ?? Quantity(0))
    }

    /// The memory that is set aside for a pod, in bytes.
    public var memoryRequest: Int { request("memory").value }
}
