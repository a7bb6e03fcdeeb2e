import Foundation
public import HTTPTransport

/// Why a call of the API, or the way to it, failed. Descriptions are sentences that say what to do.
public enum KubernetesError: Error, Sendable, Equatable {
    /// The object was changed since it was read: read it again. (409 `Conflict`)
    case conflict(Status)
    /// An object of that name is there already. (409 `AlreadyExists`)
    case alreadyExists(Status)
    /// There is no such object. (404)
    case notFound(Status)
    /// The version or the continuation of a list is too old: list again. (410)
    case expired(Status)
    /// The server does not know who we are: what we showed, and its message. (401)
    case unauthorized(credentials: String, Status)
    /// We may not do that: what RBAC must allow, where, and the server's message. (403)
    case forbidden(Permission, namespace: String?, Status)
    /// The object is not acceptable. (422)
    case invalid(Status)
    /// The server asks to be left alone for a while. (429)
    case tooManyRequests(Status, retryAfter: Duration?)
    /// The server cannot answer now. (5xx)
    case unavailable(code: Int, Status, retryAfter: Duration?)
    /// Any other refusal.
    case refused(code: Int, Status)
    /// There was no answer.
    case unreachable(HTTPError)
    /// What was read makes no sense: what, and why.
    case malformed(String, String)
    /// The way to the cluster is not configured, or not in a way that we can go: a sentence.
    case configuration(String)
    /// A plugin for credentials failed: a sentence.
    case plugin(String)

    /// Whether the same call may well succeed when it is made again.
    public var isTransient: Bool {
        switch self {
        case .tooManyRequests, .unavailable: true
        case .unreachable(let error): error.isTransient
        default: false
        }
    }

    /// How long the server asked to wait.
    public var retryAfter: Duration? {
        switch self {
        case .tooManyRequests(_, let pause), .unavailable(_, _, let pause): pause
        default: nil
        }
    }
}

extension KubernetesError: CustomStringConvertible {
    /// A sentence that says what happened and what to do.
    public var description: String {
        switch self {
        case .conflict(let status):
            "The object was changed by somebody else in the meantime: read it again and repeat. \(status.quoted)"
        case .alreadyExists(let status):
            "The object exists already. \(status.quoted)"
        case .notFound(let status):
            "The object does not exist: check its name and the namespace. \(status.quoted)"
        case .expired(let status):
            "The list is too old to go on from: list again. \(status.quoted)"
        case .unauthorized(let credentials, let status):
            "The Kubernetes API server does not accept \(credentials): renew them, or check that they belong to this "
                + "cluster. \(status.quoted)"
        case .forbidden(let permission, let namespace, let status):
            Self.describe(permission, namespace, status)
        case .invalid(let status):
            "The Kubernetes API server finds the object invalid. \(status.quoted)"
        case .tooManyRequests(let status, _):
            "The Kubernetes API server has too many requests: it will be asked again later. \(status.quoted)"
        case .unavailable(let code, let status, _):
            "The Kubernetes API server cannot answer now (HTTP \(code)). \(status.quoted)"
        case .refused(let code, let status):
            "The Kubernetes API server refused the call (HTTP \(code)). \(status.quoted)"
        case .unreachable(let error): error.description
        case .malformed(let what, let reason): "The \(what) cannot be read: \(reason)."
        case .configuration(let sentence), .plugin(let sentence): sentence
        }
    }

    private static func describe(_ permission: Permission, _ namespace: String?, _ status: Status) -> String {
        let account = status.user.map { "\"\($0)\"" } ?? "this account"
        let place = namespace.map { " in the namespace \"\($0)\"" } ?? " in the cluster"
        let role = permission.scope == .cluster ? "ClusterRole" : "Role"
        return "RBAC does not let \(account) \(permission)\(place); grant it: add \(permission.rule) to the rules of a "
            + "\(role) that is bound to the account. \(status.quoted)"
    }
}

extension KubernetesError {
    /// The error of an answer that is not 2xx.
    init(
        _ request: APIRequest, code: Int, status: Status, retryAfter: Duration?, credentials: @autoclosure () -> String
    ) {
        let retryAfter = retryAfter ?? status.details?.retryAfterSeconds.map { .seconds($0) }
        self =
            switch code {
            case 401: .unauthorized(credentials: credentials(), status)
            case 403: .forbidden(request.call.permission, namespace: request.namespace, status)
            case 404: .notFound(status)
            case 409: status.reason == "AlreadyExists" ? .alreadyExists(status) : .conflict(status)
            case 410: .expired(status)
            case 422: .invalid(status)
            case 429: .tooManyRequests(status, retryAfter: retryAfter)
            case 500...599: .unavailable(code: code, status, retryAfter: retryAfter)
            default: .refused(code: code, status)
            }
    }
}

extension Status {
    fileprivate var quoted: String { message.map { "The server says: \($0)" } ?? "" }

    /// The account that the message of a 403 names.
    fileprivate var user: String? {
        guard let parts = message?.components(separatedBy: "User \""), parts.count > 1 else { return nil }
        return parts[1].prefix { $0 != "\"" }.isEmpty ? nil : String(parts[1].prefix { $0 != "\"" })
    }
}

/// Why the API server refused a call: the body of its answers that are not 2xx, and the object of a watch's ERROR event.
public struct Status: Sendable, Equatable, Codable {
    /// What the status is about.
    public struct Details: Sendable, Equatable, Codable {
        /// The object's name.
        public var name: String?
        /// The object's API group.
        public var group: String?
        /// The object's resource or kind.
        public var kind: String?
        /// How long to wait before trying again, in seconds.
        public var retryAfterSeconds: Int?
    }

    /// A sentence for people.
    public var message: String?
    /// A word for programs: `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`, …; the list is open.
    public var reason: String?
    /// What it is about.
    public var details: Details?
    /// The HTTP status code.
    public var code: Int?

    /// A status.
    public init(message: String? = nil, reason: String? = nil, details: Details? = nil, code: Int? = nil) {
        self.message = message
        self.reason = reason
        self.details = details
        self.code = code
    }
}
