import Foundation
import Hummingbird
import HTTPTypes
import Logging
import NIOCore
import NIOHTTPTypes
import Observability
import Pacing

/// A request's head, read once: its ids, target and logger.
struct Call: Sendable {
    let method: String
    let headers: HTTPFields
    /// Nil when the path or query cannot be decoded.
    let target: RequestTarget?
    let path: String
    let pathLength: Int
    /// The body's length in bytes; nil when it comes in chunks of untold number.
    let declaredLength: Int?
    let requestID: String
    let trace: TraceContext
    let logger: Logger
    let channel: any Channel
    /// What `Host` says.
    let authority: String
    /// Whether the head breaks rules that the parser does not know: one `Host`, a length that is one.
    let isMalformed: Bool
    /// Where the request comes from, behind the proxies that are trusted.
    let source: NetworkAddress?
    /// Who sends it, once that is known.
    var caller = Caller.anybody
    /// What the gatekeeper wants back at the end.
    var place: String?
    /// What it may still ask for.
    var rateFields: HTTPFields = [:]

    init(
        _ request: Request, context: HostRequestContext, proxies: TrustedProxies, tracer: Tracer, logger: Logger
    ) {
        method = request.method.rawValue
        headers = request.headers
        let text = request.head.path ?? "/"
        pathLength = text.utf8.count
        target = RequestTarget(text)
        path = String(text.prefix { $0 != "?" }.prefix(256))
        let isChunked = request.headers[.transferEncoding] != nil
        let length = request.headers[.contentLength]
        declaredLength = length.map { Int($0) ?? .max } ?? (isChunked ? nil : 0)
        authority = request.head.authority ?? ""
        isMalformed = authority.isEmpty || request.headers[.hostAgain] != nil || length.map { Int($0) == nil } ?? false
        source = proxies.source(
            peer: context.channel.remoteAddress?.ipAddress, forwardedFor: request.headers[.forwardedFor])
        requestID = RequestID.accepted(request.headers[HTTPField.Name.requestID])
        trace = tracer.place(continuing: request.headers[HTTPField.Name.traceparent])
        channel = context.channel
        var logger = logger
        logger[metadataKey: "request"] = .string(requestID)
        logger[metadataKey: "trace"] = .string(trace.traceID)
        self.logger = logger
    }

    /// - Parameter match: the route, which says whether a share link does.
    func credentials(for match: RouteTable.Match? = nil) -> Gatekeeper.Credentials {
        var credentials = Gatekeeper.Credentials(
            headers: headers, authority: authority, address: source?.client ?? "unknown",
            hasBody: declaredLength != 0, isSafe: ["GET", "HEAD"].contains(method))
        if let match, match.route.shared.contains(method), let token = target?.query["token"],
            let job = match.parameters["job"]
        {
            credentials.link = (token, job)
        }
        return credentials
    }

    /// Takes over what the gatekeeper found.
    mutating func accept(_ admission: Gatekeeper.Admission) {
        (caller, place, rateFields) = (admission.caller, admission.place, admission.rateFields)
    }

    /// Whether the client speaks TLS with whoever passes its requests on to us. A client that says so untruly deceives itself.
    var isForwardedSecurely: Bool { headers[HTTPField.Name.forwardedProto]?.lowercased() == "https" }

    var expectsContinue: Bool { headers[.expect]?.lowercased() == "100-continue" }

    /// Tells a client that waits with its body to send it.
    func sendContinue(on channel: any Channel) async {
        guard expectsContinue, declaredLength != 0 else { return }
        // A failure shows when the body is read.
        try? await channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
    }

    func addHeaders(to headers: inout HTTPFields) {
        headers[HTTPField.Name.requestID] = requestID
        headers[HTTPField.Name.traceparent] = trace.traceparent
        headers.append(contentsOf: rateFields)
        if headers[.xContentTypeOptions] == nil { headers[.xContentTypeOptions] = "nosniff" }
    }

    /// What the client is told about an error; what it is not told is logged.
    func problem(for error: any Error) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as any ProblemConvertible: return error.problem
        case let error as TimeLimitExceeded:
            logger.warning("time limit reached", metadata: ["limit": .string("\(error.limit)")])
            return .timedOut(error.limit)
        case is CancellationError: return .shuttingDown
        default:
            logger.error(
                "handler failed", metadata: ["error": .string("\(error)"), "type": .string("\(type(of: error))")])
            return .internalError
        }
    }

    /// The request as a part of its trace.
    func span(route: String, from start: Date, _ outcome: Exchange.Outcome) -> Span {
        Span(
            "\(method) \(route)", at: trace, kind: .server, from: start,
            attributes: [
                "http.request.method": .text(method), "http.route": .text(route), "url.path": .text(path),
                "http.response.status_code": .integer(outcome.status), "msaas.request": .text(requestID),
            ],
            error: outcome.status >= 500 ? "status \(outcome.status)" : outcome.isComplete ? nil : "cut off")
    }

    func logAccess(function: String, isRoutine: Bool, _ outcome: Exchange.Outcome) {
        let milliseconds =
            Double(outcome.duration.components.seconds) * 1e3
            + Double(outcome.duration.components.attoseconds) / 1e15
        logger.log(
            level: isRoutine ? .debug : .info, "request",
            metadata: [
                "method": .string(method), "path": .string(path), "status": .stringConvertible(outcome.status),
                "function": .string(function), "bytes": .stringConvertible(outcome.sentBytes),
                "milliseconds": .stringConvertible((milliseconds * 10).rounded() / 10),
                "complete": .stringConvertible(outcome.isComplete),
                "client": .string(source?.text ?? "-"),
                "key": .string(caller.name ?? "-"),
                "agent": .string(String((headers[.userAgent] ?? "-").prefix(128))),
            ])
    }
}

extension HTTPField.Name {
    /// A second `Host`: the first one is the request's authority.
    static let hostAgain = HTTPField.Name("Host")!
    /// `X-Request-Id`.
    static let requestID = HTTPField.Name("X-Request-Id")!
    /// `X-Forwarded-Proto`.
    static let forwardedProto = HTTPField.Name("X-Forwarded-Proto")!
    /// `traceparent`.
    static let traceparent = HTTPField.Name("traceparent")!
}
