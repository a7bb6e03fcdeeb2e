public import Foundation

/// A Deployment, as far as it is read: its identity for Events, and what each of its pods asks for.
public struct Deployment: Sendable, Equatable, Codable {
    /// The wanted state.
    public struct Spec: Sendable, Equatable, Codable {
        /// What pods are made from.
        public struct Template: Sendable, Equatable, Codable {
            /// What each pod asks for.
            public var spec: PodSpec
        }

        /// The wanted number of pods; the API server fills in 1 where none is given.
        public var replicas: Int?
        /// Which pods belong to the Deployment.
        public var selector: LabelSelector?
        /// What pods are made from.
        public var template: Template
    }

    /// How it is.
    public struct State: Sendable, Equatable, Codable {
        /// What holds for it: `Available`, `Progressing`, `ReplicaFailure`.
        public var conditions: [Pod.Condition]?
    }

    /// Name, uid and version.
    public var metadata: ObjectMetadata
    /// The wanted state.
    public var spec: Spec
    /// How it is.
    public var status: State?

    /// Why pods cannot be created, in the cluster's words, as where a quota is used up; `nil` while they can.
    public var replicaFailure: String? {
        let failure = status?.conditions?.first { $0.type == "ReplicaFailure" && $0.status == "True" }
        return failure.map { $0.message ?? $0.reason ?? "no reason is given" }
    }

    /// The memory that is set aside for each pod, in bytes; 0 where none is asked for.
    public var memoryRequest: Int { spec.template.spec.memoryRequest }
}

/// Which labels an object must have.
public struct LabelSelector: Sendable, Equatable, Codable {
    /// Labels that must have these values.
    public var matchLabels: [String: String]?
}

/// How many replicas a Deployment is to have and has: its `scale` subresource (`autoscaling/v1`).
public struct Scale: Sendable, Equatable, Codable {
    /// What is wanted.
    public struct Spec: Sendable, Equatable, Codable {
        /// The wanted number; the API leaves it out when it is 0.
        public var replicas: Int?
    }

    /// What is there.
    public struct State: Sendable, Equatable, Codable {
        /// The number of pods, ready or not.
        public var replicas: Int
        /// The label selector of the pods, as text that a list of pods takes.
        public var selector: String?
    }

    /// Name, uid and version of the Deployment.
    public var metadata: ObjectMetadata
    /// What is wanted.
    public var spec: Spec?
    /// What is there.
    public var status: State?

    /// The wanted number of replicas.
    public var replicas: Int { spec?.replicas ?? 0 }
    /// The number of pods that exist, ready or not.
    public var currentReplicas: Int { status?.replicas ?? 0 }
    /// The label selector of the pods.
    public var selector: String? { status?.selector }
}

/// What every object of the API carries, as far as we use it.
public struct ObjectMetadata: Sendable, Equatable, Codable {
    /// The name, unique in its namespace among objects of its kind.
    public var name: String?
    /// The namespace; `nil` for what belongs to the cluster.
    public var namespace: String?
    /// What tells this object from an earlier one of the same name.
    public var uid: String?
    /// The version that a change can be made conditional on. Opaque: compare for equality only.
    public var resourceVersion: String?
    /// Labels, which selectors match.
    public var labels: [String: String]?
    /// Annotations.
    public var annotations: [String: String]?
    /// Counts the changes of what is wanted; 1 as it was created.
    public var generation: Int?
    /// When it was created.
    public var creationTimestamp: Date?
    /// When it is to be gone; set once its deletion has begun.
    public var deletionTimestamp: Date?
    /// Who owns it; the garbage collector removes it with its owner.
    public var ownerReferences: [OwnerReference]?

    /// Metadata for an object to be created.
    public init(name: String, namespace: String? = nil, labels: [String: String]? = nil) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
    }
}

/// An owner of an object.
public struct OwnerReference: Sendable, Equatable, Codable {
    /// The owner's API group and version.
    public var apiVersion: String
    /// The owner's kind.
    public var kind: String
    /// The owner's name.
    public var name: String
    /// The owner's uid.
    public var uid: String
    /// Whether the owner manages the object.
    public var controller: Bool?
    /// Whether the owner waits for the object's end.
    public var blockOwnerDeletion: Bool?
}

/// A list as the API answers it.
struct ObjectList<Item: Decodable & Sendable>: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
        var resourceVersion: String?
        var `continue`: String?
    }

    var metadata: Metadata
    var items: [Item]?
}
