import EnvironmentSettings
import Foundation
import Yams

/// What `function.yaml` says about a function.
///
/// ```yaml
/// name: upload
/// description: Stores a song.
/// routes:
///   - path: /upload
///     methods: [POST]
/// limits:
///   maxBody: 1GiB
///   timeout: 15m
///   maxConcurrency: 64
///   targetConcurrency: 32
/// ```
public struct FunctionManifest: Sendable, Equatable {
    /// The name that `FUNCTION_TARGET`, metrics and log lines use.
    public var name: String
    /// One line for people.
    public var description: String
    /// The paths that the function answers and their methods.
    public var routes: [Route]
    /// How much the host lets through to the function.
    public var limits: Limits

    /// A path template such as `/fetch/{job}` and the methods it takes.
    public struct Route: Sendable, Equatable {
        /// The template.
        public var path: RouteTemplate
        /// The methods in upper case. `HEAD` must be named to be served.
        public var methods: [String]
        /// How many requests of this route run at the same time, when they are not to take the function's places: long
        /// ones would lock out the short ones.
        public var maxConcurrency: Int?
        /// Whether clients ask for it over and over: good answers to GET and HEAD then stand in the log at `debug` only.
        public var isPolled = false
        /// Whether no key is asked for where others need one, and no rate counted: the page on which a key is entered, and what it
        /// is made of.
        public var isPublic = false
        /// The methods for which a share link to the job in the path does, in place of a key.
        public var shared: [String] = []
        /// How long a handler may take until its answer begins, where that is not what the function's limit says.
        public var timeout: Duration?
    }

    /// The host's limits for one function.
    public struct Limits: Sendable, Equatable {
        /// The longest request body in bytes; a longer one is answered 413.
        public var maxBody: Int = 1 << 20
        /// How long a handler may take until its answer begins; then it is cancelled and the client gets a 504.
        public var timeout: Duration = .seconds(30)
        /// How many requests run at the same time; one more is answered 429.
        public var maxConcurrency: Int = 256
        /// How many requests one host is there for; an autoscaler adds hosts where there are more in flight. Half of
        /// `maxConcurrency` unless the file says otherwise, so that the rest is room until further hosts are up.
        public var targetConcurrency: Int = 128
    }

    /// Reads and checks the file.
    ///
    /// - Throws: ``ConfigurationError`` that names the field and its value.
    public init(yaml: [UInt8]) throws {
        let text = String(decoding: yaml, as: UTF8.self)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ConfigurationError("function.yaml is not YAML: \(error)")
        }
        var file = try ManifestFields(root, at: "function.yaml")
        let name = try file.string("name")
        self.name = name
        guard name.wholeMatch(of: /[a-z][a-z0-9-]{0,62}/) != nil else {
            throw ConfigurationError(
                "function.yaml: name is “\(name)”; use lower-case letters, digits and dashes, beginning with a letter.")
        }
        description = try file.optionalString("description") ?? ""
        routes = try file.list("routes").enumerated().map { try Route($1, at: "routes[\($0)]", function: name) }
        guard !routes.isEmpty else { throw ConfigurationError("function.yaml of \(name): routes is empty.") }
        limits = try file.optionalMapping("limits").map { try Limits($0, function: name) } ?? Limits()
        try file.refuseOthers(known: ["name", "description", "routes", "limits"])
    }
}

extension FunctionManifest.Route {
    fileprivate init(_ node: Node, at place: String, function: String) throws {
        var fields = try ManifestFields(node, at: "function.yaml of \(function): \(place)")
        path = try RouteTemplate(fields.string("path"))
        func names(_ field: String) throws -> [String] {
            try fields.list(field).map { node in
                guard let method = node.string, method.wholeMatch(of: /[A-Z]+/) != nil else {
                    throw ConfigurationError(
                        "function.yaml of \(function): \(place).\(field) has “\(node.string ?? "?")”; "
                            + "write methods in upper case such as GET.")
                }
                return method
            }
        }
        methods = try names("methods")
        if fields.has("shared") { shared = try names("shared") }
        guard shared.allSatisfy(methods.contains), shared.isEmpty || path.description.contains("{job}") else {
            throw ConfigurationError(
                "function.yaml of \(function): \(place).shared must name some of its methods, and its path a {job}.")
        }
        guard !methods.isEmpty else {
            throw ConfigurationError("function.yaml of \(function): \(place).methods is empty.")
        }
        maxConcurrency = try fields.optional("maxConcurrency", .whole(1...Int.max))
        isPolled = try fields.optional("polled", .truth) ?? false
        isPublic = try fields.optional("public", .truth) ?? false
        timeout = try fields.optional("timeout", .time)
        try fields.refuseOthers(
            known: ["path", "methods", "maxConcurrency", "polled", "public", "shared", "timeout"])
    }
}

extension FunctionManifest.Limits {
    fileprivate init(_ node: Node, function: String) throws {
        var fields = try ManifestFields(node, at: "function.yaml of \(function): limits")
        maxBody = try fields.optional("maxBody", .size) ?? maxBody
        timeout = try fields.optional("timeout", .time) ?? timeout
        maxConcurrency = try fields.optional("maxConcurrency", .whole(1...Int.max)) ?? maxConcurrency
        targetConcurrency =
            try fields.optional("targetConcurrency", .whole(1...maxConcurrency)) ?? max(1, maxConcurrency / 2)
        try fields.refuseOthers(known: ["maxBody", "timeout", "maxConcurrency", "targetConcurrency"])
    }
}

/// The fields of one YAML mapping, read one by one; each failure names the field and its value.
struct ManifestFields {
    private let mapping: Node.Mapping
    private let place: String

    init(_ node: Node?, at place: String) throws {
        guard let mapping = node?.mapping else { throw ConfigurationError("\(place) is not a mapping of fields.") }
        self.mapping = mapping
        self.place = place
    }

    mutating func string(_ name: String) throws -> String {
        guard let value = try optionalString(name) else { throw ConfigurationError("\(place): \(name) is missing.") }
        return value
    }

    mutating func optionalString(_ name: String) throws -> String? {
        guard let node = mapping[name] else { return nil }
        guard let value = node.scalar?.string, !value.isEmpty else {
            throw ConfigurationError("\(place): \(name) is empty or not a single value.")
        }
        return value
    }

    mutating func list(_ name: String) throws -> [Node] {
        guard let node = mapping[name] else { throw ConfigurationError("\(place): \(name) is missing.") }
        guard let sequence = node.sequence else { throw ConfigurationError("\(place): \(name) is not a list.") }
        return Array(sequence)
    }

    func has(_ name: String) -> Bool { mapping[name] != nil }

    mutating func optionalMapping(_ name: String) throws -> Node? { mapping[name] }

    /// The value of a field; nil when there is none.
    mutating func optional<Value>(_ name: String, _ form: Form<Value>) throws -> Value? {
        try optionalString(name).map { text in
            guard let value = form.read(text) else {
                throw ConfigurationError("\(place): \(name)", is: text, write: form.words)
            }
            return value
        }
    }

    func refuseOthers(known: Set<String>) throws {
        for (key, _) in mapping where !known.contains(key.string ?? "") {
            throw ConfigurationError(
                "\(place): the field “\(key.string ?? "?")” is unknown; known are \(known.sorted().joined(separator: ", "))."
            )
        }
    }
}
