import Foundation
import Kubernetes

/// A request as the socket got it.
struct Question: Sendable {
    var method: String
    var path: String
    var target: String
    var query: [String: String]
    var authorization: String?
    var contentType: String?
    var body: Data

    var isWatch: Bool { ["1", "true"].contains(query["watch"] ?? "") }
}

/// What to answer.
enum Reply: Sendable {
    case object(Int, JSONValue, retryAfter: Int? = nil)
    case watch(AsyncStream<ClusterDouble.WatchLine>, AsyncStream<ClusterDouble.WatchLine>.Continuation)
    case hangUp
}

/// What of the cluster a path means.
struct Place {
    var resource: Resource
    var namespace: String?
    var name: String?
    var subresource: String?

    /// `/api/v1/…` and `/apis/GROUP/v1/…`, with or without `namespaces/NAME`.
    init?(_ path: String) {
        var parts = path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }[...]
        guard let root = parts.popFirst() else { return nil }
        let group = root == "apis" ? parts.popFirst() ?? "" : ""
        guard root == "api" || root == "apis", parts.popFirst() == "v1" else { return nil }
        if parts.first == "namespaces", parts.count > 2 {
            parts.removeFirst()
            namespace = parts.popFirst()
        }
        guard let resource = parts.popFirst().flatMap(Resource.init(rawValue:)), resource.group == group else {
            return nil
        }
        self.resource = resource
        name = parts.popFirst()
        subresource = parts.popFirst()
        if !parts.isEmpty || resource.isNamespaced && namespace == nil && name != nil { return nil }
    }

    func permission(_ question: Question) -> Permission {
        let verb =
            switch question.method {
            case "POST": "create"
            case "PUT": "update"
            case "PATCH": "patch"
            case "DELETE": "delete"
            default: name != nil ? "get" : question.isWatch ? "watch" : "list"
            }
        return Permission(
            verb, resource.rawValue + (subresource.map { "/\($0)" } ?? ""), group: resource.group,
            scope: namespace == nil ? .cluster : .namespace)
    }
}
