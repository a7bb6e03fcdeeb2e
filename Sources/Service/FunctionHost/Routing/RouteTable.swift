import EnvironmentSettings

/// Finds the function for a path.
struct RouteTable: Sendable {
    struct Match: Sendable {
        let deployment: ServedFunction
        let route: FunctionManifest.Route
        let parameters: [String: String]
        var methods: [String] { route.methods }
        var template: RouteTemplate { route.path }
    }

    private struct Entry {
        let route: FunctionManifest.Route
        let deployment: ServedFunction
    }

    private let entries: [Entry]

    /// - Throws: ``ConfigurationError`` when two functions want the same path.
    init(_ deployments: [ServedFunction]) throws {
        let entries = deployments.flatMap { deployment in
            deployment.manifest.routes.map { Entry(route: $0, deployment: deployment) }
        }
        for (index, entry) in entries.enumerated() {
            for other in entries[..<index] where entry.route.path.clashes(with: other.route.path) {
                throw ConfigurationError(
                    "The routes \(other.route.path) of \(other.deployment.manifest.name) and \(entry.route.path) of "
                        + "\(entry.deployment.manifest.name) stand for the same paths.")
            }
        }
        self.entries = entries.sorted { $0.route.path.order < $1.route.path.order }
    }

    /// The most particular route that fits the decoded segments of a path.
    func match(_ path: [String]) -> Match? {
        for entry in entries {
            guard let parameters = entry.route.path.match(path) else { continue }
            return Match(deployment: entry.deployment, route: entry.route, parameters: parameters)
        }
        return nil
    }
}

/// A path with placeholders, such as `/fetch/{job}/{stem}`. A placeholder stands for exactly one segment.
public struct RouteTemplate: Sendable, Equatable, CustomStringConvertible {
    enum Segment: Sendable, Equatable {
        case literal(String)
        case parameter(String)
    }

    let segments: [Segment]
    /// The template as it was written.
    public let description: String

    /// Parses a template.
    ///
    /// - Throws: ``ConfigurationError`` that names the template.
    public init(_ text: String) throws {
        description = text
        guard text.hasPrefix("/") else { throw ConfigurationError("The route “\(text)” does not begin with a slash.") }
        guard text != "/" else {
            segments = []
            return
        }
        segments = try text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            if part.first == "{", part.last == "}", part.count > 2 {
                return .parameter(String(part.dropFirst().dropLast()))
            }
            guard part.wholeMatch(of: /[A-Za-z0-9._-]+/) != nil else {
                throw ConfigurationError("The route “\(text)” has a wrong segment “\(part)”.")
            }
            return .literal(String(part))
        }
    }

    /// The values of the placeholders when `path` (decoded segments) fits, else nil.
    func match(_ path: [String]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, value) in zip(segments, path) {
            switch segment {
            case .literal(let literal): if literal != value { return nil }
            case .parameter(let name): parameters[name] = value
            }
        }
        return parameters
    }

    /// Smaller is more particular: literals before placeholders, from left to right.
    var order: String { segments.map { if case .literal = $0 { "0" } else { "1" } }.joined() }

    /// Whether some path would fit both equally well.
    func clashes(with other: RouteTemplate) -> Bool {
        order == other.order && segments.count == other.segments.count
            && zip(segments, other.segments).allSatisfy { pair in
                if case (.literal(let a), .literal(let b)) = pair { a == b } else { true }
            }
    }
}
