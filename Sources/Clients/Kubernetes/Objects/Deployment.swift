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

    /// Name, uid and version.
    public var metadata: ObjectMetadata
    /// The wanted state.
    public var spec: Spec

    /// The memory that is set aside for each pod, in bytes; 0 where none is asked for.
    public var memoryRequest: Int { spec.template.spec.memoryRequest }
}

/// Which labels an object must have.
public struct LabelSelector: Sendable, Equatable, Codable {
    /// Labels that must have these values.
    public var matchLabels: [String: String]?
}
