import Logging
public import Observability
import Synchronization

/// What a function is made from: the environment variables, and the clients it shares with the other functions.
public struct FunctionEnvironment: Sendable {
    /// The process's environment variables.
    public let variables: [String: String]
    /// The host's logger.
    public let logger: Logger
    /// The keys that the host lets in; nil for everybody.
    public let keys: KeyRing?
    /// What is told of the parts of work that no request asked for.
    public let tracer: Tracer
    private let resources = SharedResources()

    /// An environment with these variables.
    public init(variables: [String: String], logger: Logger, keys: KeyRing? = nil, tracer: Tracer = Tracer()) {
        self.tracer = tracer
        self.variables = variables
        self.keys = keys
        self.logger = logger
    }

    /// The one value of type `Resource` of this process; made by the first function that asks for it.
    public func shared<Resource: Sendable>(_ make: () throws -> Resource) throws -> Resource {
        try resources.value(make)
    }
}

/// One value a type, made when it is first asked for.
private final class SharedResources: Sendable {
    private let values = Mutex<[ObjectIdentifier: any Sendable]>([:])

    func value<Resource: Sendable>(_ make: () throws -> Resource) throws -> Resource {
        if let known = values.withLock({ $0[ObjectIdentifier(Resource.self)] }) as? Resource { return known }
        let made = try make()
        return values.withLock { values in
            if let known = values[ObjectIdentifier(Resource.self)] as? Resource { return known }
            values[ObjectIdentifier(Resource.self)] = made
            return made
        }
    }
}

/// A setting that the process cannot start with; says which one and what to write instead.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// A full sentence.
    public let description: String

    /// An error that says `description`.
    public init(_ description: String) { self.description = description }
}
