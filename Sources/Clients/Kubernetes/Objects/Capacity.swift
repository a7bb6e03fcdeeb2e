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
    }

    /// Name.
    public var metadata: ObjectMetadata
    /// What is asked.
    public var spec: Spec?
    /// What holds.
    public var status: State?

    /// What is left of a resource, at least 0; `nil` where the quota does not restrict it. `memory` is another name of
    /// `requests.memory`.
    public func left(_ resource: String) -> Quantity? {
        let names = resource == "requests.memory" ? ["requests.memory", "memory"] : [resource]
        let left = names.compactMap { name in
            (status?.hard?[name] ?? spec?.hard?[name]).map { $0 - (status?.used?[name] ?? Quantity(0)) }
        }
        return left.min().map { max($0, Quantity(0)) }
    }
}
