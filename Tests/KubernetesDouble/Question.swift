import Encodings
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

/// A call that is refused: its HTTP status and the `Status` that says why.
struct Refusal: Error {
    var code: Int
    var reason: String
    var message: String
    var details: JSONValue?
    var retryAfter: Int?

    static let unauthorized = Refusal(code: 401, reason: "Unauthorized", message: "Unauthorized")
    static let unsupportedMediaType = Refusal(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: [:])

    static func notFound(_ resource: Resource, _ name: String) -> Refusal {
        Refusal(
            code: 404, reason: "NotFound", message: "\(resource.qualifiedName) \"\(name)\" not found",
            details: details(resource, name))
    }

    static func noSuchPath() -> Refusal {
        Refusal(
            code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: [:])
    }

    static func conflict(_ resource: Resource, _ name: String) -> Refusal {
        Refusal(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(resource.qualifiedName) \"\(name)\": the object has been "
                + "modified; please apply your changes to the latest version and try again",
            details: details(resource, name))
    }

    static func exists(_ resource: Resource, _ name: String) -> Refusal {
        Refusal(
            code: 409, reason: "AlreadyExists", message: "\(resource.qualifiedName) \"\(name)\" already exists",
            details: details(resource, name))
    }

    static func invalid(_ kind: String, group: String, _ name: String, field: String, _ problem: String) -> Refusal {
        let qualified = group.isEmpty ? kind : "\(kind).\(group)"
        return Refusal(
            code: 422, reason: "Invalid", message: "\(qualified) \"\(name)\" is invalid: \(field): \(problem)",
            details: [
                "name": .string(name), "group": .string(group), "kind": .string(kind),
                "causes": [
                    ["reason": "FieldValueInvalid", "message": .string(problem), "field": .string(field)]
                ],
            ])
    }

    static func badRequest(_ message: String) -> Refusal {
        Refusal(code: 400, reason: "BadRequest", message: message)
    }

    static func expired(_ version: Int, oldest: Int) -> Refusal {
        Refusal(code: 410, reason: "Expired", message: "too old resource version: \(version) (\(oldest))")
    }

    static func forbidden(user: String, _ permission: Permission, namespace: String?, name: String?) -> Refusal {
        let parts = permission.resource.split(separator: "/")
        let qualified = permission.group.isEmpty ? "\(parts[0])" : "\(parts[0]).\(permission.group)"
        let object = name.map { " \"\($0)\"" } ?? ""
        let place = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        var details: JSONValue = ["group": .string(permission.group), "kind": .string(String(parts[0]))]
        if let name { details["name"] = .string(name) }
        return Refusal(
            code: 403, reason: "Forbidden",
            message: "\(qualified)\(object) is forbidden: User \"\(user)\" cannot \(permission.verb) resource "
                + "\"\(permission.resource)\" in API group \"\(permission.group)\" \(place)",
            details: details)
    }

    private static func details(_ resource: Resource, _ name: String) -> JSONValue {
        ["name": .string(name), "group": .string(resource.group), "kind": .string(resource.rawValue)]
    }

    /// The answer's body.
    var status: JSONValue {
        var status: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "code": .int(code),
        ]
        status["details"] = details
        return status
    }
}
