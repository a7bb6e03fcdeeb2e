import EnvironmentSettings
import Foundation
import Logging
import Synchronization
public import Observability

/// The functions that this program knows, by the names in their `function.yaml`.
public struct FunctionCatalogue: Sendable {
    private let entries: [(name: String, type: any Function.Type)]

    /// A catalogue of `types`.
    ///
    /// - Throws: ``ConfigurationError`` when a manifest is wrong or two functions have the same name.
    public init(_ types: [any Function.Type]) throws {
        entries = try types.map { (try FunctionManifest(yaml: $0.manifest).name, $0) }
        for (index, entry) in entries.enumerated() where entries[..<index].contains(where: { $0.name == entry.name }) {
            throw ConfigurationError("Two functions are called “\(entry.name)”.")
        }
    }

    /// The names of all functions.
    public var names: [String] { entries.map(\.name) }

    /// Makes the functions that `target` asks for.
    ///
    /// - Parameter target: names separated by commas, as in `FUNCTION_TARGET`; nil or empty for all.
    /// - Throws: ``ConfigurationError`` that lists the known names when one is unknown.
    public func functions(target: String?, environment: FunctionEnvironment) throws -> [any Function] {
        let wanted = (target ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        for name in wanted where !names.contains(name) {
            throw ConfigurationError(
                "FUNCTION_TARGET names “\(name)”, which is no function; known are \(names.joined(separator: ", ")).")
        }
        return try entries.filter { wanted.isEmpty || wanted.contains($0.name) }
            .map { try $0.type.init(environment: environment) }
    }
}

/// A function with its manifest and its places.
struct ServedFunction: Sendable {
    let function: any Function
    let manifest: FunctionManifest
    private let gate: ConcurrencyGate
    private let routeGates: [String: ConcurrencyGate]

    init(_ function: any Function) throws {
        self.function = function
        manifest = try FunctionManifest(yaml: type(of: function).manifest)
        gate = ConcurrencyGate(limit: manifest.limits.maxConcurrency)
        routeGates = Dictionary(
            manifest.routes.compactMap { route in
                route.maxConcurrency.map { (route.path.description, ConcurrencyGate(limit: $0)) }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The places of a route's requests.
    func gate(for route: RouteTemplate) -> ConcurrencyGate { routeGates[route.description] ?? gate }
}

/// Counts the requests of a function or a route and refuses those over the limit.
final class ConcurrencyGate: Sendable {
    let limit: Int
    private let running = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// The requests that run now.
    var count: Int { running.load(ordering: .relaxed) }

    /// Takes a place; false when there is none.
    func enter() -> Bool {
        let (_, count) = running.add(1, ordering: .relaxed)
        if count > limit {
            running.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Gives a place back.
    func leave() { running.subtract(1, ordering: .relaxed) }
}

/// What a function is made from: the environment variables, and the clients it shares with the other functions.
public struct FunctionEnvironment: Sendable {
    /// The process's environment variables.
    public let variables: [String: String]
    /// The host's logger.
    public let logger: Logger
    /// The keys that the host lets in; nil for everybody.
    public let keys: KeyRing?
    /// Signs what functions give out.
    public let signer: TokenSigner
    /// What is told of the parts of work that no request asked for.
    public let tracer: Tracer
    private let resources = SharedResources()

    /// An environment with these variables.
    public init(
        variables: [String: String], logger: Logger, keys: KeyRing? = nil, signer: TokenSigner = TokenSigner(),
        tracer: Tracer = Tracer()
    ) {
        self.signer = signer
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
