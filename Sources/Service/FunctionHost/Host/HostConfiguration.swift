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

    /// Reads `HOST`, `PORT`, `MSAAS_DRAIN_DELAY`, `MSAAS_DRAIN_TIMEOUT`, `MSAAS_MAX_CONNECTIONS`,
    /// `MSAAS_CONNECTIONS_PER_ADDRESS`, `MSAAS_CONCURRENCY`, `MSAAS_LEAST_BODY_RATE`, `MSAAS_PROBE_PORT`, `MSAAS_HOSTS`,
    /// `MSAAS_TLS_CERTIFICATE`, `MSAAS_TLS_KEY`,
    /// `MSAAS_IDLE_TIMEOUT`, `MSAAS_STALL_TIMEOUT`, `MSAAS_API_KEYS_FILE`, `MSAAS_API_KEYS`, `MSAAS_OPEN`,
    /// `MSAAS_RATE_LIMIT` and `MSAAS_TRUSTED_PROXIES`.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable and its value.
    public init(environment: [String: String]) throws {
        self.init(host: environment["HOST"].flatMap { $0.isEmpty ? nil : $0 } ?? "0.0.0.0")
        if let value = try Self.number("PORT", in: environment, 0...65535) { port = value }
        if let value = try Self.number("MSAAS_MAX_CONNECTIONS", in: environment, 1...1_000_000) {
            maxConnections = value
        }
        if let value = try Self.number("MSAAS_CONNECTIONS_PER_ADDRESS", in: environment, 1...1_000_000) {
            connections.perAddress = value
        }
        if let value = try Self.number("MSAAS_CONCURRENCY", in: environment, 1...1_000_000) { concurrency = value }
        if let value = try Self.number("MSAAS_PROBE_PORT", in: environment, 1...65535) {
            guard value != port else {
                throw ConfigurationError("MSAAS_PROBE_PORT is \(value), which is PORT; write another one.")
            }
            probePort = value
        }
        if let text = environment["MSAAS_LEAST_BODY_RATE"], !text.isEmpty {
            guard let value = Quantity.bytes(text) else {
                throw ConfigurationError(
                    "MSAAS_LEAST_BODY_RATE is “\(text)”; write bytes a second, such as 4KiB, or 0.")
            }
            connections.leastBodyRate = value
        }
        hosts = HostNames(environment["MSAAS_HOSTS"] ?? "")
        let files = ["MSAAS_TLS_CERTIFICATE", "MSAAS_TLS_KEY"].compactMap { name in
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        guard files.count != 1 else {
            throw ConfigurationError(
                "One of MSAAS_TLS_CERTIFICATE and MSAAS_TLS_KEY is set; name the PEM files of both, or of neither.")
        }
        if files.count == 2 { certificate = (files[0], files[1]) }
        if let value = try Self.duration("MSAAS_DRAIN_DELAY", in: environment) { drainDelay = value }
        if let value = try Self.duration("MSAAS_DRAIN_TIMEOUT", in: environment) { drainTimeout = value }
        if let value = try Self.duration("MSAAS_IDLE_TIMEOUT", in: environment) { idleTimeout = value }
        if let value = try Self.duration("MSAAS_STALL_TIMEOUT", in: environment) { stallTimeout = value }
        keys = try KeyRing(environment: environment)
        switch environment["MSAAS_OPEN"] {
        case nil, "", "0": isOpen = false
        case "1": isOpen = true
        case let text?:
            throw ConfigurationError("MSAAS_OPEN is “\(text)”; write 1 to serve everybody without keys, or 0.")
        }
        if let text = environment["MSAAS_RATE_LIMIT"], !text.isEmpty {
            guard let value = Rate(text) else {
                throw ConfigurationError("MSAAS_RATE_LIMIT is “\(text)”; write \(Rate.form).")
            }
            rate = value
        }
        trustedProxies = try TrustedProxies(environment["MSAAS_TRUSTED_PROXIES"] ?? "")
    }

    /// Whether nobody but this machine can connect.
    var isLoopback: Bool {
        guard let address = NetworkAddress(host)?.bytes else { return host == "localhost" }
        return address.count == 4 ? address[0] == 127 : address == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Refuses to serve everybody by accident.
    ///
    /// - Throws: ``ConfigurationError`` that says what to do.
    public func checkAccess() throws {
        guard keys == nil, !isOpen, !isLoopback else { return }
        throw ConfigurationError(
            "The host is to listen on \(host), where others can reach it, and there are no API keys, so everybody could use "
                + "it: make a key with `msaas key NAME` and name its file in MSAAS_API_KEYS_FILE, or listen on "
                + "HOST=127.0.0.1, or set MSAAS_OPEN=1 if it is to be open.")
    }

    private static func number(
        _ name: String, in environment: [String: String], _ range: ClosedRange<Int>
    ) throws -> Int? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(
                "\(name) is “\(text)”; write a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    private static func duration(_ name: String, in environment: [String: String]) throws -> Duration? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let value = Quantity.duration(text) else {
            throw ConfigurationError("\(name) is “\(text)”; write a time such as 500ms, 30s or 2m.")
        }
        return value
    }
}

/// Limits that hold before a function is known.
enum HostLimits {
    static let uriLength = 8192
    static let headerFieldSize = 16_384
    static let headerListSize = 65_536
    static let headerCount = 128
}
