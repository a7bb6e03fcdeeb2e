public import EnvironmentSettings
public import HTTPServer

/// Where and how the host listens.
public struct HostConfiguration: Sendable {
    /// The address to listen on.
    public var host: String
    /// The port to listen on; 0 takes a free one.
    public var port: Int
    /// How long the host stays reachable, but unready, after it was asked to end; load balancers need this time.
    public var drainDelay: Duration
    /// How long requests in flight may take to finish after that before they are cut off.
    public var drainTimeout: Duration
    /// The port for probes and metrics; nil to answer probes and metrics on the functions' port, 0 for a free one.
    public var probePort: Int?
    /// How many connections may be open; more wait in the system's backlog.
    public var maxConnections: Int
    /// How many requests one client (a key, or else an address) may have open at once. A key's own number goes before.
    public var concurrency: Int
    /// The names under which a host without keys answers, beside addresses and `localhost`.
    package var hosts = HostNames()
    /// The origins whose pages may call from a browser.
    public var origins = AllowedOrigins()
    /// Signs sessions and share links.
    public var signer = TokenSigner()
    /// How long a connection may do nothing: between requests, while its headers or its body come in.
    public var idleTimeout: Duration
    /// How long a client may take nothing of an answer before it is cut off.
    public var stallTimeout: Duration
    /// What one connection, and all connections of one address, may take. Trusted proxies may have all.
    public var connections = ConnectionLimits()
    /// PEM files of the host's certificate and key; with them it speaks TLS, and reads them again when they change.
    public var certificate: (file: String, key: String)?
    /// Who may call the functions; nil for everybody.
    public var keys: KeyRing?
    /// Whether the host may listen where others reach it though there are no keys.
    public var isOpen: Bool
    /// How often one client (a key, or else an address) may call; nil for no limit. A key's own rate goes before.
    public var rate: Rate?
    /// The proxies that are believed in `X-Forwarded-For`.
    package var trustedProxies = TrustedProxies()
    /// The names of the functions to serve, separated by commas; nil for all.
    public var target: String?

    /// A configuration with the usual limits.
    public init(host: String = "127.0.0.1", port: Int = 8080) {
        self.host = host
        self.port = port
        drainDelay = .zero
        drainTimeout = .seconds(60)
        maxConnections = 4096
        // An ingress stands for many clients, whether it is among the trusted proxies or not.
        connections.perAddress = 1024
        concurrency = 128
        idleTimeout = .seconds(30)
        stallTimeout = .seconds(60)
        isOpen = false
    }

    /// Reads the ``settings``, and the keys that ``KeySettings`` names.
    ///
    /// - Throws: `ConfigurationError` that names the variable and its value.
    public init(environment: [String: String]) throws {
        self = try .reading(environment)
        guard probePort == nil || probePort != port else {
            throw ConfigurationError("MSAAS_PROBE_PORT is \(port), which is PORT; write another one.")
        }
        certificate = try TLSFiles.reading(environment).both()
        keys = try KeyRing(KeySettings.reading(environment))
        signer = TokenSigner(secret: try SigningSettings.reading(environment).secret)
    }

    /// Whether nobody but this machine can connect.
    var isLoopback: Bool {
        guard let address = NetworkAddress(host)?.bytes else { return host == "localhost" }
        return address.count == 4 ? address[0] == 127 : address == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Refuses to serve everybody by accident.
    ///
    /// - Throws: `ConfigurationError` that says what to do.
    public func checkAccess() throws {
        guard keys == nil, !isOpen, !isLoopback else { return }
        throw ConfigurationError(
            "The host is to listen on \(host), where others can reach it, and there are no API keys, so everybody could use "
                + "it: make a key with `msaas key NAME` and name its file in MSAAS_API_KEYS_FILE, or listen on "
                + "HOST=127.0.0.1, or set MSAAS_OPEN=1 if it is to be open.")
    }
}

extension HostConfiguration: Configurable {
    /// As ``init(host:port:)`` makes it, but for all to reach.
    public static var usual: HostConfiguration { HostConfiguration(host: "0.0.0.0") }

    /// What the environment says of it.
    public static var settings: [Setting<HostConfiguration>] {
        [
            Setting("HOST", \.host, .text("an address of this machine")),
            Setting("PORT", \.port, .whole(0...65_535)),
            Setting("FUNCTION_TARGET", \.target, .text("names of functions, separated by commas"), otherwise: "all"),
            Setting(
                "MSAAS_PROBE_PORT", \.probePort, .whole(0...65_535), otherwise: ProbeServer.Port.usualWords),
            Setting("MSAAS_HOSTS", \.hosts, .hostNames, otherwise: "none"),
            Setting("MSAAS_ALLOWED_ORIGINS", \.origins, .origins, otherwise: "none"),
            Setting("MSAAS_OPEN", \.isOpen, .flag),
            Setting("MSAAS_RATE_LIMIT", \.rate, .rate, otherwise: "none"),
            Setting("MSAAS_TRUSTED_PROXIES", \.trustedProxies, .proxies, otherwise: "none"),
            Setting("MSAAS_MAX_CONNECTIONS", \.maxConnections, .whole(1...1_000_000)),
            Setting("MSAAS_CONNECTIONS_PER_ADDRESS", \.connections.perAddress, .whole(1...1_000_000)),
            Setting("MSAAS_CONCURRENCY", \.concurrency, .whole(1...1_000_000)),
            Setting("MSAAS_LEAST_BODY_RATE", \.connections.leastBodyRate, .size),
            Setting("MSAAS_IDLE_TIMEOUT", \.idleTimeout, .time),
            Setting("MSAAS_STALL_TIMEOUT", \.stallTimeout, .time),
            Setting("MSAAS_DRAIN_DELAY", \.drainDelay, .time),
            Setting("MSAAS_DRAIN_TIMEOUT", \.drainTimeout, .time),
        ]
    }
}

/// Limits that hold before a function is known.
enum HostLimits {
    static let uriLength = 8192
    static let headerFieldSize = 16_384
    static let headerListSize = 65_536
    static let headerCount = 128
}
