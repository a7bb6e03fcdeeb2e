public import Foundation

/// A Lease (`coordination.k8s.io/v1`): who leads, and until when unless it is renewed.
public struct Lease: Sendable, Equatable, Codable {
    /// Who holds it and since when.
    public struct Spec: Sendable, Equatable, Codable {
        /// Who holds it; empty or `nil` when it was given back.
        public var holderIdentity: String?
        /// How long others wait after the last renewal that they saw, in seconds.
        public var leaseDurationSeconds: Int?
        /// When the holder took it. Read for people only: the clocks of two machines differ.
        public var acquireTime: Date?
        /// When the holder renewed it. Others note on their own clock when they saw it change.
        public var renewTime: Date?
        /// How often it changed hands.
        public var leaseTransitions: Int?

        /// A holder's claim.
        public init(
            holderIdentity: String?, leaseDurationSeconds: Int, acquireTime: Date, renewTime: Date,
            leaseTransitions: Int
        ) {
            self.holderIdentity = holderIdentity
            self.leaseDurationSeconds = leaseDurationSeconds
            self.acquireTime = acquireTime
            self.renewTime = renewTime
            self.leaseTransitions = leaseTransitions
        }
    }

    /// Always `coordination.k8s.io/v1`.
    public private(set) var apiVersion: String? = "coordination.k8s.io/v1"
    /// Always `Lease`.
    public private(set) var kind: String? = "Lease"
    /// Name and, for an update, the version it is based on.
    public var metadata: ObjectMetadata
    /// Who holds it.
    public var spec: Spec

    /// A lease to be created.
    public init(name: String, spec: Spec) {
        metadata = ObjectMetadata(name: name)
        self.spec = spec
    }
}
