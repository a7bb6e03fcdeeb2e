import Foundation
public import Logging
public import Observability
public import ServiceLifecycle

// A function's source needs these two value types and nothing else of the HTTP packages.
@_exported import struct HTTPTypes.HTTPField
@_exported import struct HTTPTypes.HTTPFields

/// A stateless handler that the host serves.
///
/// A function is a folder with its handler and its `function.yaml`; the host reads routes and limits from there, so
/// a handler only ever sees requests that match its routes, methods and body limit. An error leaves the handler as
/// a ``Problem`` (or a ``ProblemConvertible`` error), which the client gets as it is; every other error is logged
/// and answered with a 500 that says nothing.
public protocol Function: Sendable {
    /// The bytes of the function's `function.yaml`.
    static var manifest: [UInt8] { get }

    /// Makes the function from the process's environment.
    ///
    /// - Throws: a ``ConfigurationError`` that names the variable and its value when one is missing or wrong.
    init(environment: FunctionEnvironment) throws

    /// Answers one request. Runs at the same time for several requests. Cancelled when the time limit is reached.
    func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse

    /// What `/readyz` shall look at for this function; none by default.
    var readinessChecks: [ReadinessCheck] { get }

    /// A secret of the function's own (a webhook's token); who brings it needs no API key and is not limited. Requests
    /// without a body then need neither. None by default.
    var token: BearerToken? { get }

    /// What has to be done now and then beside the requests, for as long as the function is served; nothing by default.
    /// It ends when the host shuts down gracefully.
    var upkeep: [any Service] { get }
}

extension Function {
    /// No checks.
    public var readinessChecks: [ReadinessCheck] { [] }
    /// None.
    public var token: BearerToken? { nil }
    /// None.
    public var upkeep: [any Service] { [] }
}

/// One thing that a function needs and that `/readyz` reports on.
public struct ReadinessCheck: Sendable {
    /// What is looked at, for example `storage`. Functions that share a dependency give the same name; it is
    /// checked once.
    public let name: String
    /// Whether the host is unready while this check fails. A check that is not required only shows as `degraded`.
    public let isRequired: Bool
    /// Throws when the dependency cannot be used. The error is logged and not shown to clients.
    public let probe: @Sendable () async throws -> Void

    /// A check called `name`.
    public init(_ name: String, isRequired: Bool = true, probe: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.isRequired = isRequired
        self.probe = probe
    }
}

/// What the probe of a ``ReadinessCheck`` throws when the dependency can be used, but not for everything: the host stays ready,
/// and `/readyz` says the word in place of `ok`.
public struct Limited: Error, Sendable, CustomStringConvertible {
    /// A word that everybody may read, for example `full`.
    public let word: String
    /// A dependency that is limited in the way that `word` says.
    public init(_ word: String) { self.word = word }
    /// The word.
    public var description: String { word }
}

/// What a handler knows about the request's surroundings.
public struct FunctionContext: Sendable {
    /// The name of the function in its `function.yaml`.
    public let function: String
    /// The request's id: the client's `X-Request-Id` when it sent a sound one, else made by the host.
    public let requestID: String
    /// The request's place in a distributed trace, to be sent on with requests to others.
    public let trace: TraceContext
    /// What is told of the parts of the work.
    public let tracer: Tracer
    /// Who asks.
    public let caller: Caller
    /// Carries the request id in its metadata.
    public let logger: Logger
    /// Whether the host is about to end. Long answers should come to their end.
    public var isDraining: Bool { draining() }

    private let draining: @Sendable () -> Bool

    /// A context; tests that call a handler without a host make one.
    public init(
        function: String, requestID: String, trace: TraceContext, tracer: Tracer = Tracer(),
        caller: Caller = .anybody, logger: Logger,
        isDraining: @escaping @Sendable () -> Bool = { false }
    ) {
        self.function = function
        self.requestID = requestID
        self.trace = trace
        self.tracer = tracer
        self.caller = caller
        self.logger = logger
        draining = isDraining
    }
}
