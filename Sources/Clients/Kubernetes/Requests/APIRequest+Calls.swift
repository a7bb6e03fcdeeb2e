import Foundation

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
