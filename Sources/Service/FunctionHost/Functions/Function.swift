public import ServiceLifecycle

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

    /// Whether the function asks callers for a secret of its own (a webhook's token); the host then asks them for no API
    /// key and does not limit their rate. False by default.
    var checksAccess: Bool { get }

    /// What has to be done now and then beside the requests, for as long as the function is served; nothing by default.
    /// It ends when the host shuts down gracefully.
    var upkeep: [any Service] { get }
}

extension Function {
    /// No checks.
    public var readinessChecks: [ReadinessCheck] { [] }
    /// The host checks.
    public var checksAccess: Bool { false }
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
