import Encodings
import Foundation
import HTTPServer
import ServiceContract

/// An error as the client sees it: `application/problem+json` (RFC 9457).
///
/// `type` is stable and can be programmed against; `detail` is a sentence for people that says what to do. Neither tells
/// of the inside: addresses, paths and the errors of others go to the log, with the request's id.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of problem it is.
    public var kind: Kind
    /// What happened and what to do; empty when nothing can be told.
    public var detail: String
    /// Further members by name, for programs; see ``ProblemDocument``.
    public var extensions: [String: JSONValue]
    /// Headers that go with the answer, such as `Retry-After`.
    public var headers: HTTPFields

    /// A problem of a kind.
    public init(_ kind: Kind, detail: String, extensions: [String: JSONValue] = [:], headers: HTTPFields = [:]) {
        self.kind = kind
        self.detail = detail
        self.extensions = extensions
        self.headers = headers
    }

    /// `urn:msaas:problem:` and the kind's name.
    public var type: String { "urn:msaas:problem:\(kind.rawValue)" }
    /// The HTTP status.
    public var status: Int { kind.status }
    /// The kind in a few words.
    public var title: String { kind.title }

    /// Status, title and detail in one line, for logs.
    public var description: String { "\(status) \(title): \(detail)" }

    /// The JSON text, with `instance` naming the request.
    func json(requestID: String) -> Data {
        let document = ProblemDocument(
            type: type, title: title, status: status, detail: detail.isEmpty ? nil : detail, requestID: requestID,
            extensions: extensions)
        return ((try? JSONEncoder.contract.encode(document)) ?? Data("{}".utf8)) + Data("\n".utf8)
    }
}

/// An error that knows how it looks to a client. Errors that do not are answered with an empty 500.
public protocol ProblemConvertible: Error {
    /// What the client gets.
    var problem: Problem { get }
}

extension Problem {
    /// All kinds of problems that a client can meet. README's table is held against this one.
    public enum Kind: String, Sendable, CaseIterable {
        case badForm = "bad-form"
        case badRequest = "bad-request"
        case bodyIncomplete = "body-incomplete"
        case emptyBody = "empty-body"
        case invalidOption = "invalid-option"
        case malformedRequest = "malformed-request"
        case unauthorized
        case linkExpired = "link-expired"
        case csrfToken = "csrf-token"
        case foreignHost = "foreign-host"
        case foreignOrigin = "foreign-origin"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case tooSlow = "body-too-slow"
        case conflict
        case notDone = "not-done"
        case gone
        case bodyTooLarge = "body-too-large"
        case uriTooLong = "uri-too-long"
        case unsupportedMediaType = "unsupported-media-type"
        case rangeNotSatisfiable = "range-not-satisfiable"
        case idempotencyConflict = "idempotency-conflict"
        case overQuota = "over-quota"
        case queueFull = "queue-full"
        case rateLimited = "rate-limited"
        case tooManyRequests = "too-many-requests"
        case headersTooLarge = "headers-too-large"
        case internalError = "internal"
        case unavailable
        case timeout
        case storageFull = "storage-full"

        /// The HTTP status.
        public var status: Int { row.status }
        /// The kind in a few words.
        public var title: String { row.title }

        private var row: (status: Int, title: String) {
            switch self {
            case .badForm: (400, "The form cannot be read")
            case .badRequest: (400, "The request is wrong")
            case .bodyIncomplete: (400, "The body is incomplete")
            case .emptyBody: (400, "There is no song")
            case .invalidOption: (400, "An option is wrong")
            case .malformedRequest: (400, "This is not HTTP")
            case .unauthorized: (401, "A valid token is needed")
            case .linkExpired: (401, "The link has expired")
            case .csrfToken: (403, "The CSRF token is missing or wrong")
            case .foreignHost: (403, "This is another host")
            case .foreignOrigin: (403, "The page is a foreign one")
            case .notFound: (404, "Not found")
            case .methodNotAllowed: (405, "The method is not served here")
            case .tooSlow: (408, "The body comes too slowly")
            case .conflict: (409, "Not possible now")
            case .notDone: (409, "There are no stems (yet)")
            case .gone: (410, "The stem is gone")
            case .bodyTooLarge: (413, "The body is too large")
            case .uriTooLong: (414, "The address is too long")
            case .unsupportedMediaType: (415, "This is no song")
            case .rangeNotSatisfiable: (416, "There are no such bytes")
            case .idempotencyConflict: (422, "The key belongs to another request")
            case .overQuota: (429, "Your quota is used up")
            case .queueFull: (429, "The queue is full")
            case .rateLimited: (429, "Too many requests")
            case .tooManyRequests: (429, "Too many requests at once")
            case .headersTooLarge: (431, "The headers are too large")
            case .internalError: (500, "Something went wrong inside")
            case .unavailable: (503, "Not available now")
            case .timeout: (504, "The time is up")
            case .storageFull: (507, "The storage is full")
            }
        }
    }
}

// MARK: - The host's own problems

extension Problem {
    /// 400: something in the request is wrong.
    public static func badRequest(_ detail: String) -> Problem {
        Problem(.badRequest, detail: detail)
    }

    /// 401: a token is missing or wrong.
    public static func unauthorized(_ detail: String) -> Problem {
        Problem(
            .unauthorized, detail: detail,
            headers: [.wwwAuthenticate: "Bearer"])
    }

    /// 404: there is no such thing.
    public static func notFound(_ detail: String) -> Problem {
        Problem(.notFound, detail: detail)
    }

    /// 409: not possible in the present state.
    public static func conflict(_ detail: String) -> Problem {
        Problem(.conflict, detail: detail)
    }

    /// 503: something that the function needs is away.
    public static func unavailable(_ detail: String, retryAfter seconds: Int = 5) -> Problem {
        Problem(
            .unavailable, detail: detail,
            headers: [.retryAfter: String(seconds)])
    }

    static let bodyIncomplete = Problem(
        .bodyIncomplete,
        detail: "The connection ended before the whole body had come; nothing was kept. Send the request again.")

    /// 413: longer than the function takes.
    public static func bodyTooLarge(limit: Int) -> Problem {
        Problem(
            .bodyTooLarge, detail: "The body may have at most \(limit) bytes; send a smaller one.",
            extensions: ["limit": .int(limit)])
    }

    /// 408: a body that comes in too slowly.
    public static let tooSlow = Problem(
        .tooSlow,
        detail: "The body came in more slowly than this server waits for; send it again over a faster connection.")

    static let foreignHost = Problem(
        .foreignHost,
        detail:
            "The name in Host is none of this server's; without API keys it answers to addresses, localhost and the "
            + "names in MSAAS_HOSTS only.")

    static let foreignOrigin = Problem(
        .foreignOrigin,
        detail:
            "Only pages of this server may send this; name the origin of others in MSAAS_ALLOWED_ORIGINS if they are to."
    )

    static let uriTooLong = Problem(
        .uriTooLong, detail: "The path and query may have at most \(HostLimits.uriLength) bytes; shorten them.")

    static let headersTooLarge = Problem(
        .headersTooLarge,
        detail: "All headers together may have at most \(HostLimits.headerListSize) bytes and one at most "
            + "\(HostLimits.headerFieldSize); send fewer or shorter ones.")

    static let malformedRequest = Problem(
        .malformedRequest, detail: "The request does not follow the rules of HTTP/1.1; check the client that sent it.")

    /// The answer to what is wrong with a connection.
    init(_ fault: ConnectionFault) {
        self =
            switch fault {
            case .malformedRequest: .malformedRequest
            case .headersTooLarge: .headersTooLarge
            case .slowBody: .tooSlow
            }
    }

    static let noRoute = Problem.notFound("Nothing is served at this path; see GET / for the paths there are.")

    static func methodNotAllowed(allowed: [String]) -> Problem {
        Problem(
            .methodNotAllowed, detail: "This path answers \(allowed.joined(separator: ", ")); use one of these.",
            headers: [.allow: allowed.joined(separator: ", ")])
    }

    static func tooManyRequests(limit: Int) -> Problem {
        Problem(
            .tooManyRequests,
            detail: "\(limit) requests of this kind are being served, which is the limit; try again in a second.",
            headers: [.retryAfter: "1"])
    }

    static func tooManyAtOnce(limit: Int) -> Problem {
        Problem(
            .tooManyRequests,
            detail: "You have \(limit) requests open, which is the limit for one client; let one of them end first.",
            headers: [.retryAfter: "1"])
    }

    static func tooOften(_ rate: Rate, wait: Duration) -> Problem {
        let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
        return Problem(
            .rateLimited,
            detail: "You may send \(rate) requests (count/period) and have sent more; try again in \(seconds) s.",
            headers: [.retryAfter: String(seconds)])
    }

    static func timedOut(_ limit: Duration) -> Problem {
        Problem(
            .timeout,
            detail: "The request took longer than \(limit.components.seconds) seconds and was stopped; try again.")
    }

    static let shuttingDown = Problem(
        .unavailable, detail: "This server is shutting down; send the request again.", headers: [.retryAfter: "1"])

    static let internalError = Problem(.internalError, detail: "")
}
