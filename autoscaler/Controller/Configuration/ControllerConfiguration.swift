public import Policy

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
