import Foundation
import HTTPServer

/// An error as the client sees it: `application/problem+json` (RFC 9457).
///
/// `type` is stable and can be programmed against; `detail` is a sentence for people that says what to do.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// `urn:msaas:problem:` and the kind of problem.
    public var type: String
    /// The kind of problem in a few words, always the same for a type.
    public var title: String
    /// The HTTP status.
    public var status: Int
    /// What happened and what to do; empty when nothing can be told.
    public var detail: String
    /// Further members by name, for programs.
    public var extensions: [String: Member]
    /// Headers that go with the answer, such as `Retry-After`.
    public var headers: HTTPFields

    /// A problem of the type `urn:msaas:problem:{name}`.
    public init(
        _ name: String, title: String, status: Int, detail: String, extensions: [String: Member] = [:],
        headers: HTTPFields = [:]
    ) {
        type = "urn:msaas:problem:\(name)"
        self.title = title
        self.status = status
        self.detail = detail
        self.extensions = extensions
        self.headers = headers
    }

    /// Status, title and detail in one line, for logs.
    public var description: String { "\(status) \(title): \(detail)" }

    /// The JSON text, with `instance` naming the request.
    func json(requestID: String) -> Data {
        var members = extensions
        members["type"] = .text(type)
        members["title"] = .text(title)
        members["status"] = .number(status)
        members["detail"] = detail.isEmpty ? nil : .text(detail)
        members["instance"] = .text("urn:msaas:request:\(requestID)")
        members["requestId"] = .text(requestID)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(members)) ?? Data("{}".utf8)) + Data("\n".utf8)
    }

    /// The value of a further member.
    public enum Member: Sendable, Equatable, Encodable, ExpressibleByStringInterpolation {
        /// A text.
        case text(String)
        /// A whole number.
        case number(Int)

        /// A text.
        public init(stringLiteral value: String) { self = .text(value) }

        /// The value alone.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            }
        }
    }
}

/// An error that knows how it looks to a client. Errors that do not are answered with an empty 500.
public protocol ProblemConvertible: Error {
    /// What the client gets.
    var problem: Problem { get }
}

// MARK: - The host's own problems

extension Problem {
    /// 400: something in the request is wrong.
    public static func badRequest(_ detail: String) -> Problem {
        Problem("bad-request", title: "The request is wrong", status: 400, detail: detail)
    }

    /// 401: a token is missing or wrong.
    public static func unauthorized(_ detail: String) -> Problem {
        Problem(
            "unauthorized", title: "A valid token is needed", status: 401, detail: detail,
            headers: [.wwwAuthenticate: "Bearer"])
    }

    /// 404: there is no such thing.
    public static func notFound(_ detail: String) -> Problem {
        Problem("not-found", title: "Not found", status: 404, detail: detail)
    }

    /// 409: not possible in the present state.
    public static func conflict(_ detail: String) -> Problem {
        Problem("conflict", title: "Not possible now", status: 409, detail: detail)
    }

    /// 503: something that the function needs is away.
    public static func unavailable(_ detail: String, retryAfter seconds: Int = 5) -> Problem {
        Problem(
            "unavailable", title: "Not available now", status: 503, detail: detail,
            headers: [.retryAfter: String(seconds)])
    }

    static let bodyIncomplete = Problem(
        "body-incomplete", title: "The body is incomplete", status: 400,
        detail: "The connection ended before the whole body had come; nothing was kept. Send the request again.")

    /// 413: longer than the function takes.
    public static func bodyTooLarge(limit: Int) -> Problem {
        Problem(
            "body-too-large", title: "The body is too large", status: 413,
            detail: "The body may have at most \(limit) bytes; send a smaller one.",
            extensions: ["limit": .number(limit)])
    }

    /// 408: a body that comes in too slowly.
    public static let tooSlow = Problem(
        "too-slow", title: "The body comes too slowly", status: 408,
        detail: "The body came in more slowly than this server waits for; send it again over a faster connection.")

    static let foreignHost = Problem(
        "foreign-host", title: "This is another host", status: 403,
        detail:
            "The name in Host is none of this server's; without API keys it answers to addresses, localhost and the "
            + "names in MSAAS_HOSTS only.")

    static let foreignOrigin = Problem(
        "foreign-origin", title: "The page is a foreign one", status: 403,
        detail:
            "Without API keys only pages of this server may send requests; name theirs in MSAAS_HOSTS if they are to.")

    static let uriTooLong = Problem(
        "uri-too-long", title: "The address is too long", status: 414,
        detail: "The path and query may have at most \(HostLimits.uriLength) bytes; shorten them.")

    static let headersTooLarge = Problem(
        "headers-too-large", title: "The headers are too large", status: 431,
        detail: "All headers together may have at most \(HostLimits.headerListSize) bytes and one at most "
            + "\(HostLimits.headerFieldSize); send fewer or shorter ones.")

    static let malformedRequest = Problem(
        "malformed-request", title: "This is not HTTP", status: 400,
        detail: "The request does not follow the rules of HTTP/1.1; check the client that sent it.")

    static let bodyTooSlow = Problem(
        "body-too-slow", title: "The body comes too slowly", status: 408,
        detail: "Too few bytes of the body came in; nothing was kept. Send the request again over a better connection.")

    /// The answer to what is wrong with a connection.
    init(_ fault: ConnectionFault) {
        self =
            switch fault {
            case .malformedRequest: .malformedRequest
            case .headersTooLarge: .headersTooLarge
            case .slowBody: .bodyTooSlow
            }
    }

    static let noRoute = Problem.notFound("Nothing is served at this path; see GET / for the paths there are.")

    static func methodNotAllowed(allowed: [String]) -> Problem {
        Problem(
            "method-not-allowed", title: "The method is not served here", status: 405,
            detail: "This path answers \(allowed.joined(separator: ", ")); use one of these.",
            headers: [.allow: allowed.joined(separator: ", ")])
    }

    static func tooManyRequests(limit: Int) -> Problem {
        Problem(
            "too-many-requests", title: "Too many requests at once", status: 429,
            detail: "\(limit) requests of this kind are being served, which is the limit; try again in a second.",
            headers: [.retryAfter: "1"])
    }

    static func tooManyAtOnce(limit: Int) -> Problem {
        Problem(
            "too-many-requests", title: "Too many requests at once", status: 429,
            detail: "You have \(limit) requests open, which is the limit for one client; let one of them end first.",
            headers: [.retryAfter: "1"])
    }

    static func tooOften(_ rate: Rate, wait: Duration) -> Problem {
        let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
        return Problem(
            "rate-limited", title: "Too many requests", status: 429,
            detail: "You may send \(rate) requests (count/period) and have sent more; try again in \(seconds) s.",
            headers: [.retryAfter: String(seconds)])
    }

    static func timedOut(_ limit: Duration) -> Problem {
        Problem(
            "timeout", title: "The time is up", status: 504,
            detail: "The request took longer than \(limit.components.seconds) seconds and was stopped; try again.")
    }

    static let shuttingDown = Problem(
        "unavailable", title: "Not available now", status: 503,
        detail: "This server is shutting down; send the request again.", headers: [.retryAfter: "1"])

    static let internalError = Problem(
        "internal", title: "Something went wrong inside", status: 500, detail: "")
}
