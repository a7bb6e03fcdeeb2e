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
