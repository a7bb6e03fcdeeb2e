import Encodings
public import Foundation

/// One call of the API, independent of any cluster: `description` is its text.
public struct APIRequest: Sendable, Equatable {
    /// Which call it is.
    public let call: APICall
    /// The namespace; `nil` for what belongs to the cluster.
    public let namespace: String?
    /// The object's name; `nil` for lists and creations.
    public let name: String?
    /// The query, in order, not encoded.
    public var query: [Field] = []
    /// The media type of the body.
    public let contentType: String?
    /// The body, JSON.
    public let body: Data?

    /// A field of the query.
    public struct Field: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: String
    }

    init(_ call: APICall, namespace: String?, name: String? = nil, contentType: String? = nil, body: Data? = nil) {
        self.call = call
        self.namespace = namespace
        self.name = name
        self.contentType = contentType
        self.body = body
    }

    /// The HTTP method.
    public var method: String { call.method }

    /// The path, percent-encoded.
    public var path: String {
        let permission = call.permission
        let parts = permission.resource.split(separator: "/", maxSplits: 1)
        var path = permission.group.isEmpty ? "/api/v1" : "/apis/\(permission.group)/v1"
        if let namespace { path += "/namespaces/\(namespace.percentEncoded())" }
        path += "/\(parts[0])"
        if let name { path += "/\(name.percentEncoded())" }
        if parts.count > 1 { path += "/\(parts[1])" }
        return path
    }

    /// The path with the query.
    public var target: String {
        guard !query.isEmpty else { return path }
        return path + "?" + query.map { "\($0.name)=\($0.value.percentEncoded())" }.joined(separator: "&")
    }
}

extension APIRequest: CustomStringConvertible {
    /// Method and target, the media type, and the body.
    public var description: String {
        var text = "\(method) \(target)"
        if let contentType { text += "\nContent-Type: \(contentType)" }
        if let body { text += "\n\n" + String(decoding: body, as: UTF8.self) }
        return text
    }
}

extension APIRequest {
    static let mergePatch = "application/merge-patch+json"
    static let json = "application/json"

    /// Reads a Deployment.
    public static func deployment(_ name: String, in namespace: String) -> APIRequest {
        APIRequest(.getDeployment, namespace: namespace, name: name)
    }

    /// Reads the scale of a Deployment.
    public static func scale(of deployment: String, in namespace: String) -> APIRequest {
        APIRequest(.getScale, namespace: namespace, name: deployment)
    }

    /// Sets the number of replicas of a Deployment, with `version` only while it still has that `resourceVersion`.
    public static func setScale(
        of deployment: String, to replicas: Int, ifVersion version: String? = nil, in namespace: String
    ) throws -> APIRequest {
        var patch: JSONValue = ["spec": ["replicas": .int(replicas)]]
        if let version { patch["metadata"] = ["resourceVersion": .string(version)] }
        return try APIRequest(.patchScale, namespace: namespace, name: deployment, patch: patch)
    }

    /// Lists the pods that match a label selector: at most `limit`, going on where `continuation` says.
    public static func pods(
        matching selector: String?, limit: Int? = nil, continuation: String? = nil, in namespace: String
    ) -> APIRequest {
        var request = APIRequest(.listPods, namespace: namespace)
        request.add("labelSelector", selector)
        request.add("limit", limit.map(String.init))
        request.add("continue", continuation)
        return request
    }

    /// Watches the pods that match a label selector, from what a list or an earlier watch last said, for so many seconds.
    public static func podChanges(
        matching selector: String?, since version: String, seconds: Int, in namespace: String
    ) -> APIRequest {
        var request = APIRequest(.watchPods, namespace: namespace)
        request.add("watch", "1")
        request.add("allowWatchBookmarks", "true")
        request.add("labelSelector", selector)
        request.add("resourceVersion", version)
        request.add("timeoutSeconds", String(seconds))
        return request
    }

    /// Sets or, with `nil`, removes annotations of a pod.
    public static func annotate(
        pod: String, with annotations: [String: String?], in namespace: String
    ) throws -> APIRequest {
        let values = annotations.mapValues { $0.map(JSONValue.string) ?? .null }
        return try APIRequest(
            .patchPod, namespace: namespace, name: pod, patch: ["metadata": ["annotations": .object(values)]])
    }

    /// Reads a Lease.
    public static func lease(_ name: String, in namespace: String) -> APIRequest {
        APIRequest(.getLease, namespace: namespace, name: name)
    }

    /// Creates a Lease that does not exist yet.
    public static func create(_ lease: Lease, in namespace: String) throws -> APIRequest {
        try APIRequest(.createLease, namespace: namespace, object: lease)
    }

    /// Replaces a Lease that still has the `resourceVersion` given in it.
    public static func update(_ lease: Lease, in namespace: String) throws -> APIRequest {
        try APIRequest(.updateLease, namespace: namespace, name: lease.metadata.name, object: lease)
    }

    /// Creates an Event.
    public static func create(_ event: Event, in namespace: String) throws -> APIRequest {
        try APIRequest(.createEvent, namespace: namespace, object: event)
    }

    /// Lists the quotas of a namespace.
    public static func resourceQuotas(in namespace: String) -> APIRequest {
        APIRequest(.listResourceQuotas, namespace: namespace)
    }

    /// Lists the nodes of the cluster that match a label selector.
    public static func nodes(matching selector: String? = nil, limit: Int? = nil, continuation: String? = nil)
        -> APIRequest
    {
        var request = APIRequest(.listNodes, namespace: nil)
        request.add("labelSelector", selector)
        request.add("limit", limit.map(String.init))
        request.add("continue", continuation)
        return request
    }

    private init(_ call: APICall, namespace: String, name: String, patch: JSONValue) throws {
        try self.init(
            call, namespace: namespace, name: name, contentType: Self.mergePatch,
            body: JSONEncoder.kubernetes.encode(patch))
    }

    private init(_ call: APICall, namespace: String, name: String? = nil, object: some Encodable) throws {
        try self.init(
            call, namespace: namespace, name: name, contentType: Self.json, body: JSONEncoder.kubernetes.encode(object))
    }

    private mutating func add(_ name: String, _ value: String?) {
        if let value { query.append(Field(name: name, value: value)) }
    }
}

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

/// What a role must allow for a call, in the words of RBAC.
public struct Permission: Sendable, Hashable, Codable {
    /// Whether a Role in the namespace is enough.
    public enum Scope: String, Sendable, Codable {
        /// A Role in the namespace.
        case namespace
        /// A ClusterRole, bound by a ClusterRoleBinding.
        case cluster
    }

    /// `get`, `list`, `watch`, `create`, `update` or `patch`.
    public var verb: String
    /// The API group; empty for the core group.
    public var group: String
    /// The resource, with `/` and the subresource where there is one.
    public var resource: String
    /// Where it must be granted.
    public var scope: Scope

    /// A permission.
    public init(_ verb: String, _ resource: String, group: String = "", scope: Scope = .namespace) {
        self.verb = verb
        self.group = group
        self.resource = resource
        self.scope = scope
    }

    /// The rule to add to a role, as YAML in one line.
    public var rule: String { "{apiGroups: [\"\(group)\"], resources: [\"\(resource)\"], verbs: [\"\(verb)\"]}" }
}

extension Permission: CustomStringConvertible {
    /// As in a sentence: `patch deployments/scale in API group "apps"`.
    public var description: String { "\(verb) \(resource) in API group \"\(group)\"" }
}
