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
    /// The address that `/healthz` and `/metrics` are served on.
    public var listenHost = "0.0.0.0"
    /// The port that they are served on.
    public var listenPort = 9090

    /// The defaults.
    public init() {}

    /// Reads the configuration: a flag goes before the environment, that before the file, and that before the default. A
    /// setting `lease-name` is called so in the file (YAML, one line a setting), `--lease-name` as a flag and
    /// `AUTOSCALER_LEASE_NAME` in the environment, but for `REDIS_URL`.
    ///
    /// - Parameters:
    ///   - flags: values by setting.
    ///   - file: the file's text and path.
    /// - Throws: ``ConfigurationError`` that names the setting, its value, where it comes from and what it may be.
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
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { try set(name, value) }
        try validate(values)
    }

    /// What a setting is called in the environment.
    public static func variable(_ name: String) -> String {
        name == ControllerSetting.redisURL.rawValue
            ? "REDIS_URL" : "AUTOSCALER_" + name.uppercased().replacing("-", with: "_")
    }

    /// All settings, those of the policy first.
    public static var names: [String] {
        Settings.Name.allCases.map(\.rawValue) + ControllerSetting.allCases.map(\.rawValue)
    }

    private func validate(_ values: [String: ConfigurationValue]) throws(ConfigurationError) {
        do { try policy.validate() } catch {
            let origin: String? =
                if case .outOfRange(let name, _, _) = error { values[name.rawValue]?.origin } else { nil }
            throw ConfigurationError(origin: origin, sentence: "\(error)")
        }
        func check(_ setting: ControllerSetting, _ holds: Bool, _ rule: String) throws(ConfigurationError) {
            let value = values[setting.rawValue]
            let shown = value.map { "\"\($0.text)\"" } ?? "at its default"
            if !holds {
                throw ConfigurationError(
                    origin: value?.origin, sentence: "\(setting.rawValue) is \(shown), but it \(rule).")
            }
        }
        try check(.deployment, !deployment.isEmpty, "must not be empty")
        try check(.leaseName, !leaseName.isEmpty, "must not be empty")
        try check(.interval, options.interval >= .milliseconds(50), "must be 50ms or longer")
        try check(.interval, options.interval < policy.longestGap, "must be shorter than longest-gap")
        try check(
            .heartbeatTimeout, options.heartbeatTimeout >= .seconds(2),
            "must be 2s or longer: workers speak every second")
        try check(.eventWindow, options.eventWindow >= .zero, "must not be negative")
        try check(
            .leaseDuration, election.lease >= .seconds(1) && Self.isWhole(election.lease),
            "must be whole seconds, 1 or more")
        try check(.renewDeadline, election.renewDeadline < election.lease, "must be shorter than lease-duration")
        try check(
            .retryPeriod, election.retry > .zero && election.retry * 1.2 < election.renewDeadline,
            "must be longer than 0s, and by a fifth shorter than renew-deadline")
    }

    private static func isWhole(_ duration: Duration) -> Bool { duration.components.attoseconds == 0 }
}

/// What the settings of a controller are called, beside those of the policy.
public enum ControllerSetting: String, CaseIterable, Sendable {
    /// See ``ControllerConfiguration/deployment``.
    case deployment
    /// See ``ControllerConfiguration/namespace``.
    case namespace
    /// See ``ControllerConfiguration/context``.
    case context
    /// See ``ControllerConfiguration/memoryRoom``.
    case memoryRoom = "memory-room"
    /// See ``ControllerConfiguration/nodeSelector``.
    case nodeSelector = "node-selector"
    /// See ``ControllerConfiguration/leaseName``.
    case leaseName = "lease-name"
    /// See ``ElectionTiming/lease``.
    case leaseDuration = "lease-duration"
    /// See ``ElectionTiming/renewDeadline``.
    case renewDeadline = "renew-deadline"
    /// See ``ElectionTiming/retry``.
    case retryPeriod = "retry-period"
    /// See ``ControllerConfiguration/identity``.
    case identity
    /// See ``ControllerOptions/interval``.
    case interval
    /// See ``ControllerOptions/heartbeatTimeout``.
    case heartbeatTimeout = "heartbeat-timeout"
    /// See ``ControllerOptions/eventWindow``.
    case eventWindow = "event-window"
    /// See ``ControllerOptions/protectsBusy``.
    case protectBusy = "protect-busy"
    /// See ``ControllerConfiguration/redisURL``.
    case redisURL = "redis-url"
    /// See ``ControllerConfiguration/listenHost`` and ``ControllerConfiguration/listenPort``.
    case listen
}

extension ControllerConfiguration {
    /// Sets one setting from text.
    mutating func set(_ name: String, _ value: ConfigurationValue) throws(ConfigurationError) {
        guard let setting = ControllerSetting(rawValue: name) else {
            do { return try policy.set(name, to: value.text) } catch .unknown {
                throw ConfigurationError(
                    origin: value.origin,
                    sentence: "There is no setting \"\(name)\". The settings are \(Self.names.joined(separator: ", "))."
                )
            } catch {
                throw ConfigurationError(origin: value.origin, sentence: "\(error)")
            }
        }
        func fails(_ expected: String) -> ConfigurationError {
            ConfigurationError(
                origin: value.origin, sentence: "\(name) is \"\(value.text)\", but it must be \(expected).")
        }
        func length() throws(ConfigurationError) -> Duration {
            guard let length = Duration(text: value.text) else {
                throw fails("a length of time, such as 500ms, 90s or 5m")
            }
            return length
        }
        let text = value.text
        switch setting {
        case .deployment: deployment = text
        case .namespace: namespace = text
        case .context: context = text
        case .nodeSelector: nodeSelector = text
        case .leaseName: leaseName = text
        case .identity: identity = text
        case .redisURL: redisURL = text
        case .interval: options.interval = try length()
        case .heartbeatTimeout: options.heartbeatTimeout = try length()
        case .eventWindow: options.eventWindow = try length()
        case .leaseDuration: election.lease = try length()
        case .renewDeadline: election.renewDeadline = try length()
        case .retryPeriod: election.retry = try length()
        case .protectBusy:
            guard let choice = Bool(text) else { throw fails("true or false") }
            options.protectsBusy = choice
        case .memoryRoom:
            guard let room = KubernetesTarget.Room(rawValue: text) else {
                throw fails(KubernetesTarget.Room.allCases.map(\.rawValue).joined(separator: ", "))
            }
            memoryRoom = room
        case .listen:
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { throw fails("an address and a port, such as 0.0.0.0:9090") }
            listenHost = colon == text.startIndex ? "0.0.0.0" : String(text[..<colon])
            listenPort = port
        }
    }
}

/// A value with where it comes from.
struct ConfigurationValue: Sendable, Equatable {
    var text: String
    var origin: String
}

/// A configuration that cannot be.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where the value comes from; `nil` for a default.
    public var origin: String?
    /// What is wrong, and what may be.
    public var sentence: String

    /// The sentence, and where to change it.
    public var description: String { sentence + (origin.map { " It comes from \($0)." } ?? "") }
}

extension ControllerConfiguration {
    /// Reads a file of settings: a YAML mapping of names to plain values.
    static func read(_ text: String, path: String) throws(ConfigurationError) -> [String: ConfigurationValue] {
        func fails(_ sentence: String) -> ConfigurationError { ConfigurationError(sentence: sentence) }
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
                    "There is no setting \"\(name)\", as \(path) has it. The settings are \(names.joined(separator: ", "))."
                )
            }
            values[name] = ConfigurationValue(text: text, origin: "the file \(path), line \(key.mark?.line ?? 1)")
        }
        return values
    }
}
