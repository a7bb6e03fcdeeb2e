public import EnvironmentSettings
import Foundation
package import Jobs
public import Policy
import Yams

/// Everything that the operator may choose for `autoscaler run`.
public struct ControllerConfiguration: Sendable, Equatable {
    /// The policy's settings.
    public var policy = Settings()
    /// How the controller works.
    public var options = ControllerOptions()
    /// The Deployment to scale.
    public var deployment = "worker"
    /// What else is scaled, by its requests in flight.
    public var functions: [TargetConfiguration] = []
    /// The file of targets; `nil`: `deployment` only.
    public var targetsFile: String?
    /// Its namespace; `nil` for that of the kubeconfig's context or of the pod.
    public var namespace: String?
    /// The kubeconfig's context; `nil` for the current one.
    public var context: String?
    /// What limits memory.
    public var memoryRoom = KubernetesTarget.Room.nodes
    /// The labels of the nodes that workers can run on; `nil` for all nodes without taints.
    public var nodeSelector: String?
    /// The Lease that controllers elect their leader by.
    public var leaseName = "msaas-autoscaler"
    /// How the election is timed.
    public var election = ElectionTiming()
    /// This controller's name among them; `nil` for one of host name and random digits.
    public var identity: String?
    /// Where Redis is.
    public var redisURL = "redis://127.0.0.1:6379/0"
    /// Where `/healthz` and `/metrics` are served.
    public var listening = Listening(host: "0.0.0.0", port: 9090)

    /// An address and a port of this machine.
    public struct Listening: Sendable, Equatable {
        /// The address, in brackets if it is an IPv6 address.
        public var host: String
        /// The port; 0 for a free one.
        public var port: Int

        /// Both.
        public init(host: String, port: Int) { (self.host, self.port) = (host, port) }
    }

    /// The defaults.
    public init() {}

    /// Reads the configuration: a flag goes before the environment, that before the file, and that before the default. A
    /// setting `lease-name` is called so in the file (YAML, one line a setting), `--lease-name` as a flag and
    /// `AUTOSCALER_LEASE_NAME` in the environment, but for `REDIS_URL`.
    ///
    /// - Parameters:
    ///   - flags: values by setting.
    ///   - file: the file's text and path.
    /// - Throws: `ConfigurationError` that names the setting, its value, where it comes from and what it may be.
    public init(
        flags: [String: String], environment: [String: String], file: (text: String, path: String)? = nil
    ) throws(ConfigurationError) {
        var values: [String: ConfigurationValue] = [:]
        if let file { values = try Self.read(file.text, path: file.path) }
        for name in Self.names {
            let variable = Self.variable(name)
            // Kubernetes and shells set variables that are empty to mean none.
            if let text = environment[variable], !text.isEmpty {
                values[name] = ConfigurationValue(text: text, origin: "the environment variable \(variable)")
            }
        }
        for (name, text) in flags { values[name] = ConfigurationValue(text: text, origin: "the flag --\(name)") }
        for setting in Self.settings {
            guard let value = values[setting.name] else { continue }
            try setting.read(value.text, into: &self, from: value.origin)
        }
        try validate(values)
    }

    /// What a setting is called in the environment.
    public static func variable(_ name: String) -> String {
        name == "redis-url" ? "REDIS_URL" : "AUTOSCALER_" + name.uppercased().replacing("-", with: "_")
    }

    /// All settings, those of the policy first.
    public static var names: [String] { settings.map(\.name) }

    private func validate(_ values: [String: ConfigurationValue]) throws(ConfigurationError) {
        func origin(_ name: String) -> String { values[name].map { " It comes from \($0.origin)." } ?? "" }
        do { try policy.validate() } catch { throw ConfigurationError("\(error)" + origin(error.name)) }
        func check(_ name: String, _ holds: Bool, _ rule: String) throws(ConfigurationError) {
            let shown = values[name].map { "“\($0.text)”" } ?? "at its default"
            if !holds { throw ConfigurationError("\(name) is \(shown), but it \(rule).\(origin(name))") }
        }
        try check("deployment", !deployment.isEmpty, "must not be empty")
        try check("lease-name", !leaseName.isEmpty, "must not be empty")
        try check("interval", options.interval >= .milliseconds(50), "must be 50ms or longer")
        try check("interval", options.interval < policy.longestGap, "must be shorter than longest-gap")
        try check(
            "heartbeat-timeout", options.heartbeatTimeout >= .seconds(2),
            "must be 2s or longer: workers speak every second")
        try check("event-window", options.eventWindow >= .zero, "must not be negative")
        try check(
            "lease-duration", election.lease >= .seconds(1) && Self.isWhole(election.lease),
            "must be whole seconds, 1 or more")
        try check("renew-deadline", election.renewDeadline < election.lease, "must be shorter than lease-duration")
        try check(
            "retry-period", election.retry > .zero && election.retry * 1.2 < election.renewDeadline,
            "must be longer than 0s, and by a fifth shorter than renew-deadline")
    }

    private static func isWhole(_ duration: Duration) -> Bool { duration.components.attoseconds == 0 }
}

extension ControllerConfiguration: Configurable {
    /// The defaults.
    public static let usual = ControllerConfiguration()

    /// The settings by their names in the file and as flags; ``variable(_:)`` says how the environment calls them.
    public static var settings: [Setting<ControllerConfiguration>] {
        Settings.settings.map { $0.within(\.policy) } + [
            Setting("deployment", \.deployment, .text("the name of a Deployment")),
            Setting("targets", \.targetsFile, .text("a YAML file of targets"), otherwise: "the deployment only"),
            Setting("namespace", \.namespace, .text("a namespace"), otherwise: "that of the context or pod"),
            Setting("context", \.context, .text("a context of the kubeconfig"), otherwise: "the current one"),
            Setting("memory-room", \.memoryRoom, .choice),
            Setting("node-selector", \.nodeSelector, .text("labels"), otherwise: "all nodes without taints"),
            Setting("lease-name", \.leaseName, .text("the name of a Lease")),
            Setting("lease-duration", \.election.lease, .timeOrSeconds),
            Setting("renew-deadline", \.election.renewDeadline, .timeOrSeconds),
            Setting("retry-period", \.election.retry, .timeOrSeconds),
            Setting("identity", \.identity, .text("a name"), otherwise: "host name and random digits"),
            Setting("interval", \.options.interval, .timeOrSeconds),
            Setting("heartbeat-timeout", \.options.heartbeatTimeout, .timeOrSeconds),
            Setting("event-window", \.options.eventWindow, .timeOrSeconds),
            Setting("protect-busy", \.options.protectsBusy, .truth),
            Setting("redis-url", \.redisURL, .text("the address of a Redis"), isSecret: true),
            Setting("listen", \.listening, .listening),
        ]
    }
}

extension Form<ControllerConfiguration.Listening> {
    fileprivate static var listening: Form {
        Form("an address and a port, such as 0.0.0.0:9090", show: { "\($0.host):\($0.port)" }) { text in
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { return nil }
            return .init(host: colon == text.startIndex ? "0.0.0.0" : String(text[..<colon]), port: port)
        }
    }
}

extension Settings: Configurable {
    /// The defaults.
    public static var usual: Settings { Settings() }

    /// The policy's settings by their names.
    public static var settings: [Setting<Settings>] {
        Name.allCases.map { name in
            name.isDuration
                ? Setting(name.rawValue, \.[time: name], .timeOrSeconds)
                : Setting(name.rawValue, \.[count: name], .whole(.min ... .max))
        }
    }
}

extension Configurable {
    /// Sets one setting from text, such as "3", "90", "90s", "5m" or "1h". Call `validate()` when all are set.
    ///
    /// - Throws: `ConfigurationError` when there is no such setting, or the text is not a value for it.
    package mutating func set(_ name: String, to text: String) throws(ConfigurationError) {
        guard let setting = Self.settings.first(where: { $0.name == name }) else {
            let names = Self.settings.map(\.name).joined(separator: ", ")
            throw ConfigurationError("There is no setting “\(name)”. The settings are \(names).")
        }
        guard !text.isEmpty else { throw ConfigurationError(name, is: text, write: setting.values) }
        try setting.read(text, into: &self)
    }
}

/// A value with where it comes from.
struct ConfigurationValue: Sendable, Equatable {
    var text: String
    var origin: String
}

extension ControllerConfiguration {
    /// Reads the configuration with the files that it names.
    ///
    /// - Parameter path: the file of settings; nil for that of `AUTOSCALER_CONFIG`, if there is one.
    package init(flags: [String: String], environment: [String: String], path: String?) throws(ConfigurationError) {
        var file: (text: String, path: String)?
        if let path = path ?? environment["AUTOSCALER_CONFIG"], !path.isEmpty {
            file = (try Self.text(of: path), path)
        }
        try self.init(flags: flags, environment: environment, file: file)
        if let path = targetsFile { try take(targets: try Self.text(of: path), path: path) }
    }

    private static func text(of path: String) throws(ConfigurationError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError("The configuration \(path) cannot be read. Is it a file, and may you read it?")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// The queue, of which it is soon known that it is away.
    package func queue(_ environment: [String: String]) throws -> RedisJobQueue {
        var options = try QueueOptions(environment: environment)
        options.timeouts = RedisTimeouts(connect: .seconds(1), command: .seconds(2), patience: .milliseconds(500))
        return try RedisJobQueue(url: redisURL, options: options)
    }

    /// Reads a file of settings: a YAML mapping of names to plain values.
    static func read(_ text: String, path: String) throws(ConfigurationError) -> [String: ConfigurationValue] {
        func fails(_ sentence: String) -> ConfigurationError { ConfigurationError(sentence) }
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw fails("The file \(path) is no YAML: \(error).")
        }
        guard let node, node.scalar?.string != "" else { return [:] }
        guard let mapping = node.mapping else {
            throw fails("The file \(path) must be a mapping of settings to values, such as \"max-replicas: 20\".")
        }
        var values: [String: ConfigurationValue] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { throw fails("The file \(path) has a setting without a name.") }
            guard let text = value.scalar?.string else {
                throw fails("\(name) in \(path) must have a plain value, not a list or a mapping.")
            }
            guard names.contains(name) else {
                throw fails(
                    "There is no setting “\(name)”, as \(path) has it. The settings are \(names.joined(separator: ", "))."
                )
            }
            values[name] = ConfigurationValue(text: text, origin: "the file \(path), line \(key.mark?.line ?? 1)")
        }
        return values
    }
}
