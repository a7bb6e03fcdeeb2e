import Foundation
import Hummingbird
import HTTPServer
import HTTPTypes
import Logging
import NIOCore
import NIOHTTPTypes
import Observability
import Pacing

/// Where a request came from.
struct HostRequestContext: InitializableFromSource, Sendable {
    let channel: any Channel
    let logger: Logger

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }
}

/// Takes each request through the host: ids, route, access, limits, handler, answer, log line.
struct Dispatcher: HTTPResponder {
    let table: RouteTable
    let builtIn: BuiltInRoutes
    let gatekeeper: Gatekeeper
    let sessions: Sessions
    let origins: AllowedOrigins
    let speaksTLS: Bool
    let proxies: TrustedProxies
    let state: HostState
    let metrics: HostMetrics
    let tracer: Tracer
    let logger: Logger

    func respond(to request: Request, context: HostRequestContext) async throws -> Response {
        var call = Call(request, context: context, proxies: proxies, tracer: tracer, logger: logger)
        let resolution = resolve(&call)
        let exchange = exchange(for: call, resolution)
        let meter = BodyMeter(
            declaredLength: call.declaredLength, limit: resolution.bodyLimit,
            proceed: { [call, channel = context.channel] in await call.sendContinue(on: channel) })
        let answer = await answer(call, resolution, body: FunctionBody(request.body, meter: meter))
        return compose(answer, to: call, exchange: exchange, meter: meter)
    }

    /// What pages of other origins may read of an answer.
    private static let exposedHeaders = """
        Location, Retry-After, ETag, Accept-Ranges, Content-Range, Content-Length, Content-Disposition, X-Request-Id, RateLimit, \
        RateLimit-Policy, Preference-Applied, Idempotency-Replayed, WWW-Authenticate
        """

    private func resolve(_ call: inout Call) -> Resolution {
        guard call.pathLength <= HostLimits.uriLength else { return .problem(.uriTooLong) }
        guard let target = call.target else {
            return .problem(.badRequest("The path or query has a broken percent escape; encode it as UTF-8."))
        }
        if builtIn.serves(target.segments), !isForPage(call, target) {
            if let answer = preflight(call, BuiltInRoutes.methods) { return answer }
            return BuiltInRoutes.methods.contains(call.method)
                ? .builtIn(target.segments) : .problem(.methodNotAllowed(allowed: BuiltInRoutes.methods))
        }
        guard !call.isMalformed else { return .problem(.malformedRequest) }
        if target.segments == ["session"] { return session(&call) }
        guard let match = table.match(target.segments) else { return .problem(.noRoute) }
        if let answer = preflight(call, match.methods) { return answer }
        let (name, limits) = (match.deployment.manifest.name, match.deployment.manifest.limits)
        do {
            call.accept(
                try gatekeeper.admit(
                    call.credentials(for: match), token: match.deployment.function.token,
                    isPublic: match.route.isPublic))
        } catch {
            return .refused(function: name, error)
        }
        guard match.methods.contains(call.method) else {
            return .refused(function: name, .methodNotAllowed(allowed: match.methods))
        }
        guard call.declaredLength ?? 0 <= limits.maxBody else {
            return .refused(function: name, .bodyTooLarge(limit: limits.maxBody))
        }
        let gate = match.deployment.gate(for: match.template)
        guard gate.enter() else { return .refused(function: name, .tooManyRequests(limit: gate.limit)) }
        return .function(match, target)
    }

    /// Whether a browser wants the page at `/`, where programs find the list of paths, and a function has one.
    private func isForPage(_ call: Call, _ target: RequestTarget) -> Bool {
        target.segments.isEmpty && call.headers[.accept]?.contains("text/html") == true && table.match([]) != nil
    }

    /// The answer to a browser that asks before it sends something for a page of another origin; it brings no key.
    private func preflight(_ call: Call, _ methods: [String]) -> Resolution? {
        guard AllowedOrigins.isPreflight(call.method, call.headers) else { return nil }
        return origins.preflight(call.headers, methods: methods).map { .preflight($0) } ?? .problem(.foreignOrigin)
    }

    private func session(_ call: inout Call) -> Resolution {
        guard Sessions.methods.contains(call.method) else {
            return .problem(.methodNotAllowed(allowed: Sessions.methods))
        }
        guard call.declaredLength ?? 0 <= Sessions.bodyLimit else {
            return .problem(.bodyTooLarge(limit: Sessions.bodyLimit))
        }
        do {
            let isQuestion = call.method == "GET"
            call.accept(
                try isQuestion
                    ? gatekeeper.admit(call.credentials(), token: nil) : gatekeeper.admitStranger(call.credentials()))
            return .session
        } catch {
            return .problem(error)
        }
    }

    private func exchange(for call: Call, _ resolution: Resolution) -> Exchange {
        let function = resolution.functionName
        metrics.begins(function: function)
        let leave = { @Sendable [gatekeeper, place = call.place] in
            if let place { gatekeeper.leave(place) }
            resolution.gate?.leave()
        }
        let (start, route) = (Date(), resolution.route)
        return Exchange(channel: call.channel, state: state, leave: leave) { [metrics, tracer] outcome in
            metrics.ends(function: function, method: call.method, outcome)
            if let route { tracer.record(call.span(route: route, from: start, outcome), at: call.trace) }
            call.logAccess(function: function, isRoutine: resolution.isRoutine(call.method, outcome.status), outcome)
        }
    }

    private func answer(_ call: Call, _ resolution: Resolution, body: FunctionBody) async -> FunctionResponse {
        do {
            switch resolution {
            case .problem(let problem), .refused(_, let problem): throw problem
            case .builtIn(let segments): return try await builtIn.answer(segments)
            case .preflight(let fields): return FunctionResponse(status: 204, headers: fields)
            case .session:
                return try await withTimeLimit(.seconds(30), for: "session") {
                    try await sessions.answer(
                        call.method, call.headers, caller: call.caller,
                        isSecure: speaksTLS || call.isForwardedSecurely, body: body)
                }
            case .function(let match, let target):
                let request = FunctionRequest(
                    method: call.method, path: target.path, route: match.template.description,
                    parameters: match.parameters, query: target.query, headers: call.headers, body: body)
                let context = FunctionContext(
                    function: match.deployment.manifest.name, requestID: call.requestID, trace: call.trace,
                    tracer: tracer,
                    caller: call.caller, logger: call.logger, isDraining: { [state] in state.isDraining })
                let manifest = match.deployment.manifest
                return try await withTimeLimit(match.route.timeout ?? manifest.limits.timeout, for: manifest.name) {
                    try await match.deployment.function.handle(request, context: context)
                }
            }
        } catch {
            return FunctionResponse(call.problem(for: error), requestID: call.requestID)
        }
    }

    private func compose(
        _ answer: FunctionResponse, to call: Call, exchange: Exchange, meter: BodyMeter
    ) -> Response {
        exchange.answers(status: answer.status)
        var headers = answer.headers
        call.addHeaders(to: &headers)
        origins.mark(&headers, for: call.headers[.origin], exposing: Self.exposedHeaders)
        // What is left of a body that was not wanted is not waited for.
        if state.isDraining || !meter.isComplete || call.isMalformed { headers[.connection] = "close" }
        headers[.contentLength] = answer.contentLength.map(String.init) ?? nil
        let isHead = call.method == "HEAD"
        if isHead, answer.contentLength == nil { headers[.connection] = "close" }
        let status = HTTPResponse.Status(code: answer.status)
        switch answer.body {
        case .stream(let length, let produce) where !isHead:
            let body = ResponseBody(contentLength: length) { base in
                var writer = BodyWriter(base, exchange: exchange, length: length)
                do {
                    try await produce(&writer)
                    try await writer.finish()
                    exchange.end(isComplete: true)
                } catch {
                    call.logger.info("answer cut off", metadata: ["error": .string("\(error)")])
                    exchange.end(isComplete: false)
                    throw error
                }
            }
            return Response(status: status, headers: headers, body: body)
        case .bytes(let data) where !isHead:
            exchange.writeEnds(bytes: data.count)
            exchange.end(isComplete: true)
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
        default:
            exchange.end(isComplete: true)
            return Response(status: status, headers: headers)
        }
    }
}

/// What the host does with a request.
enum Resolution: Sendable {
    case problem(Problem)
    case refused(function: String, Problem)
    case builtIn([String])
    case preflight(HTTPFields)
    case session
    case function(RouteTable.Match, RequestTarget)

    /// `host` for what belongs to no function, so that unknown paths make no new series.
    var functionName: String {
        switch self {
        case .problem, .builtIn, .preflight, .session: "host"
        case .refused(let name, _): name
        case .function(let match, _): match.deployment.manifest.name
        }
    }

    /// The path with its parameters' names; nil for what belongs to no function.
    var route: String? { if case .function(let match, _) = self { match.template.description } else { nil } }

    /// Whether it is a probe, or a poll that was answered well.
    func isRoutine(_ method: String, _ status: Int) -> Bool {
        switch self {
        case .builtIn, .preflight: true
        case .function(let match, _):
            match.route.isPolled && status < 400 && BuiltInRoutes.methods.contains(method)
        case .problem, .refused, .session: false
        }
    }

    var gate: ConcurrencyGate? {
        if case .function(let match, _) = self { match.deployment.gate(for: match.template) } else { nil }
    }

    var bodyLimit: Int {
        switch self {
        case .function(let match, _): match.deployment.manifest.limits.maxBody
        case .session: Sessions.bodyLimit
        default: 0
        }
    }
}
