/// Finds the function for a path.
struct RouteTable: Sendable {
    struct Match: Sendable {
        let deployment: Deployment
        let methods: [String]
        let template: RouteTemplate
        let parameters: [String: String]
    }

    private struct Entry {
        let route: FunctionManifest.Route
        let deployment: Deployment
    }

    private let entries: [Entry]

    /// - Throws: ``ConfigurationError`` when two functions want the same path.
    init(_ deployments: [Deployment]) throws {
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
            return Match(
                deployment: entry.deployment, methods: entry.route.methods, template: entry.route.path,
                parameters: parameters)
        }
        return nil
    }
}
