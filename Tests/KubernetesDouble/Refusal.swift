import Kubernetes

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
