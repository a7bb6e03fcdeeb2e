/// The calls that this client makes, and no others: what a Role for the autoscaler must allow is ``permission`` of all.
public enum APICall: String, Sendable, CaseIterable {
    /// A Deployment, for its uid and what its pods ask for.
    case getDeployment
    /// How many replicas there are.
    case getScale
    /// How many replicas there are to be.
    case patchScale
    /// The pods of a selector.
    case listPods
    /// Changes of the pods of a selector.
    case watchPods
    /// The deletion cost of a pod.
    case patchPod
    /// Who leads.
    case getLease
    /// The first to lead.
    case createLease
    /// To lead, go on leading, or give it up.
    case updateLease
    /// What was done, for people.
    case createEvent
    /// The namespace's quotas.
    case listResourceQuotas
    /// The cluster's nodes.
    case listNodes

    /// What RBAC must allow.
    public var permission: Permission {
        switch self {
        case .getDeployment: Permission("get", "deployments", group: "apps")
        case .getScale: Permission("get", "deployments/scale", group: "apps")
        case .patchScale: Permission("patch", "deployments/scale", group: "apps")
        case .listPods: Permission("list", "pods")
        case .watchPods: Permission("watch", "pods")
        case .patchPod: Permission("patch", "pods")
        case .getLease: Permission("get", "leases", group: "coordination.k8s.io")
        case .createLease: Permission("create", "leases", group: "coordination.k8s.io")
        case .updateLease: Permission("update", "leases", group: "coordination.k8s.io")
        case .createEvent: Permission("create", "events", group: "events.k8s.io")
        case .listResourceQuotas: Permission("list", "resourcequotas")
        case .listNodes: Permission("list", "nodes", scope: .cluster)
        }
    }

    /// Every permission, each once.
    public static var permissions: Set<Permission> { Set(allCases.map(\.permission)) }

    var method: String {
        switch permission.verb {
        case "create": "POST"
        case "update": "PUT"
        case "patch": "PATCH"
        default: "GET"
        }
    }
}
