/// A node, as far as its room for pods goes.
public struct Node: Sendable, Equatable, Codable {
    /// What is asked of it.
    public struct Spec: Sendable, Equatable, Codable {
        /// Whether it takes no new pods (`kubectl cordon`).
        public var unschedulable: Bool?
        /// What keeps pods away that do not tolerate it.
        public var taints: [Taint]?
    }

    /// What keeps pods away that do not tolerate it.
    public struct Taint: Sendable, Equatable, Codable {
        /// Its key.
        public var key: String
        /// Its value.
        public var value: String?
        /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
        public var effect: String
    }

    /// How it is.
    public struct State: Sendable, Equatable, Codable {
        /// What pods may use, by resource name.
        public var allocatable: [String: Quantity]?
        /// What holds for it.
        public var conditions: [Pod.Condition]?
    }

    /// Name and labels.
    public var metadata: ObjectMetadata
    /// What is asked of it.
    public var spec: Spec?
    /// How it is.
    public var status: State?

    /// The memory that pods may use together, in bytes.
    public var allocatableMemory: Int { status?.allocatable?["memory"]?.value ?? 0 }

    /// Whether it takes new pods: not cordoned, and not reported as anything but ready. Taints are the caller's matter.
    public var isSchedulable: Bool {
        let ready = status?.conditions?.first { $0.type == "Ready" }
        return spec?.unschedulable != true && (ready == nil || ready?.status == "True")
    }
}

/// A namespace's quota.
public struct ResourceQuota: Sendable, Equatable, Codable {
    /// What is allowed and used, by resource name: `requests.memory`, `limits.memory`, `pods`, …
    public struct State: Sendable, Equatable, Codable {
        /// What is allowed.
        public var hard: [String: Quantity]?
        /// What is used.
        public var used: [String: Quantity]?
    }

    /// The quota's restrictions.
    public struct Spec: Sendable, Equatable, Codable {
        /// What is allowed.
        public var hard: [String: Quantity]?
        /// Which pods it counts; all where there are none.
        public var scopes: [String]?
        /// The same by an expression, as for priority classes.
        public var scopeSelector: ScopeSelector?
    }

    /// Which pods a quota counts, by expressions.
    public struct ScopeSelector: Sendable, Equatable, Codable {
        /// One of the expressions, all of which must hold.
        public struct Expression: Sendable, Equatable, Codable {
            /// `PriorityClass`, `Terminating`, …
            public var scopeName: String
        }

        /// The expressions.
        public var matchExpressions: [Expression]?
    }

    /// Name.
    public var metadata: ObjectMetadata
    /// What is asked.
    public var spec: Spec?
    /// What holds.
    public var status: State?

    /// Whether it counts a pod that runs without an end and asks for something. A quota with an expression counts only some
    /// pods; which, is not worked out: where it refuses pods, the Deployment says so.
    public var countsLastingPods: Bool {
        Set(["NotTerminating", "NotBestEffort"]).isSuperset(of: spec?.scopes ?? []) && spec?.scopeSelector == nil
    }

    /// What is left of a resource, at least 0; `nil` where the quota does not restrict it.
    public func left(_ resource: String) -> Quantity? {
        (status?.hard?[resource] ?? spec?.hard?[resource]).map {
            max($0 - (status?.used?[resource] ?? Quantity(0)), Quantity(0))
        }
    }

    /// How many further pods like this one each of the quota's resources leaves room for. A resource that the pod does not
    /// ask for does not restrict it.
    public func podsLeft(like pod: PodSpec) -> [String: Int] {
        var counts: [String: Int] = [:]
        for resource in Set((status?.hard ?? [:]).keys).union((spec?.hard ?? [:]).keys) {
            guard let left = left(resource), let need = Self.need(of: resource, pod), need > Quantity(0) else {
                continue
            }
            counts[resource] = Int(clamping: left.nanos / need.nanos)
        }
        return counts
    }

    /// What a pod takes of a quota's resource; `nil` for what pods have nothing to do with, such as `services`.
    private static func need(of resource: String, _ pod: PodSpec) -> Quantity? {
        let parts = resource.split(separator: ".", maxSplits: 1).map(String.init)
        switch (parts.first, parts.count) {
        case ("requests", 2): return pod.request(parts[1])
        case ("limits", 2): return pod.limit(parts[1])
        default: break
        }
        return switch resource {
        // Short for requests.cpu and requests.memory.
        case "cpu", "memory": pod.request(resource)
        case "pods", "count/pods": Quantity(1)
        default: nil
        }
    }
}
