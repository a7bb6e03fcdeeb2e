import Logging

/// What a handler knows about the request's surroundings.
public struct FunctionContext: Sendable {
    /// The name of the function in its `function.yaml`.
    public let function: String
    /// The request's id: the client's `X-Request-Id` when it sent a sound one, else made by the host.
    public let requestID: String
    /// The request's place in a distributed trace, to be sent on with requests to others.
    public let trace: TraceContext
    /// Carries the request id in its metadata.
    public let logger: Logger
    /// Whether the host is about to end. Long answers should come to their end.
    public var isDraining: Bool { draining() }

    private let draining: @Sendable () -> Bool

    /// A context; tests that call a handler without a host make one.
    public init(
        function: String, requestID: String, trace: TraceContext, logger: Logger,
        isDraining: @escaping @Sendable () -> Bool = { false }
    ) {
        self.function = function
        self.requestID = requestID
        self.trace = trace
        self.logger = logger
        draining = isDraining
    }
}
