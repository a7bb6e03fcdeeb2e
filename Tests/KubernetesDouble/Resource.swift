/// The resources that the double knows.
public enum Resource: String, Sendable, CaseIterable {
    case deployments, pods, leases, events, resourcequotas, nodes

    /// The API group; empty for the core group. All are at version `v1`.
    public var group: String {
        switch self {
        case .deployments: "apps"
        case .leases: "coordination.k8s.io"
        case .events: "events.k8s.io"
        case .pods, .resourcequotas, .nodes: ""
        }
    }

    /// The kind of its objects.
    public var kind: String {
        switch self {
        case .deployments: "Deployment"
        case .pods: "Pod"
        case .leases: "Lease"
        case .events: "Event"
        case .resourcequotas: "ResourceQuota"
        case .nodes: "Node"
        }
    }

    /// Group and version as objects have them.
    public var apiVersion: String { group.isEmpty ? "v1" : "\(group)/v1" }
    /// Whether its objects are in namespaces.
    public var isNamespaced: Bool { self != .nodes }
    /// The name as messages have it: `leases.coordination.k8s.io`.
    var qualifiedName: String { group.isEmpty ? rawValue : "\(rawValue).\(group)" }
}
