import Policy

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
