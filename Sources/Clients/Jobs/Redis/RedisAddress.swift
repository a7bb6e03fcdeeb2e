public import EnvironmentSettings
import Foundation

/// Where Redis is, and as whom to speak to it: what `REDIS_URL` says.
public struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
    /// Host name or address.
    public var host: String
    /// TCP port.
    public var port: Int
    /// The ACL user, if one is named.
    public var user: String?
    /// The password, if there is one.
    public var password: String?
    /// The number of the database.
    public var database: Int
    /// Whether and how TLS is spoken.
    public var tls: RedisTLS

    /// Without user and password, for messages and logs.
    public var description: String { "\(host):\(port)/\(database)" }

    /// Reads `redis://[[user]:password@]host[:port][/database]`, or `rediss://…` for TLS; user and password may be
    /// percent-encoded, and must be where they hold `@`, `/`, `#`, `?`, `%` or a colon. White space around it is ignored.
    ///
    /// - Parameter environment: where `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE` are looked up for TLS.
    /// - Throws: `ConfigurationError`, whose sentence repeats no part of the URL.
    public init(
        _ url: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ConfigurationError) {
        let settings = try RedisSettings.reading(environment)
        let url = url.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let scheme = ["redis", "rediss"].first(where: { url.hasPrefix("\($0)://") }) else {
            throw Self.unusable("it does not begin with redis:// or rediss://; write redis://host:port/database")
        }
        // The last @ ends user and password, so that a raw sign in a password is found and not taken for the host.
        let rest = url.dropFirst(scheme.count + 3)
        let end = rest.lastIndex(of: "@")
        if let secrets = end.map({ rest[..<$0] }) {
            guard secrets.allSatisfy({ !"@/#?[]".contains($0) && !$0.isWhitespace }),
                secrets.count(where: { $0 == ":" }) <= 1, secrets.removingPercentEncoding != nil
            else {
                throw Self.unusable("percent-encode user and password (@ is %40, / %2F, # %23, ? %3F, % %25, : %3A)")
            }
        }
        let place = end.map { rest[rest.index(after: $0)...] } ?? rest
        guard let parts = URLComponents(string: "redis://\(place)") else {
            throw Self.unusable("host and port cannot be read; write redis://host:port/database")
        }
        guard let host = parts.host, !host.isEmpty else { throw Self.unusable("it names no host") }
        guard parts.query == nil, parts.fragment == nil else {
            throw Self.unusable("something follows the database; write redis://host:port/database")
        }
        guard (1...65_535).contains(parts.port ?? 6379) else { throw Self.unusable("the port must be 1 to 65535") }
        let path = parts.path.drop { $0 == "/" }
        guard let database = path.isEmpty ? 0 : Int(path), database >= 0 else {
            throw Self.unusable("what follows the host is not the number of a database")
        }
        let secrets =
            end.map { rest[..<$0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) } ?? []
        func secret(_ index: Int) -> String? {
            guard index < secrets.count, !secrets[index].isEmpty else { return nil }
            return secrets[index].removingPercentEncoding
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = parts.port ?? 6379
        self.user = secret(0)
        self.password = secret(1)
        self.database = database
        tls = scheme == "rediss" ? settings.tls : .off
    }

    /// A URL holds a password, so no part of it is repeated.
    private static func unusable(_ reason: String) -> ConfigurationError {
        ConfigurationError("REDIS_URL cannot be used: \(reason).")
    }
}

/// What the environment says of Redis.
public struct RedisSettings: Configurable, Equatable {
    /// Where it is, see ``RedisAddress/init(_:environment:)``.
    public var url = "redis://127.0.0.1:6379/0"
    /// The files for `rediss://`.
    public var tls = RedisTLS(isOn: true)

    /// Redis on this machine.
    public static let usual = RedisSettings()

    /// The variables.
    public static var settings: [Setting<RedisSettings>] {
        [
            Setting(
                "REDIS_URL", \.url, .text("redis://[[user]:password@]host:port/db, or rediss://… for TLS"),
                isSecret: true),
            Setting("REDIS_CA_FILE", \.tls.authorities, .text("a PEM file of authorities"), otherwise: "the system's"),
            Setting("REDIS_CERT_FILE", \.tls.certificate, .text("a PEM file"), otherwise: "none"),
            Setting("REDIS_KEY_FILE", \.tls.key, .text("a PEM file"), otherwise: "none"),
        ]
    }
}

/// How long to wait for Redis.
public struct RedisTimeouts: Sendable, Equatable {
    /// For a connection.
    public var connect: Duration
    /// For a reply.
    public var command: Duration
    /// How long a command is tried again, over new connections and with growing pauses, before its error is thrown.
    public var patience: Duration

    /// Timeouts for callers that would rather have an error than wait long.
    public init(connect: Duration = .seconds(2), command: Duration = .seconds(5), patience: Duration = .seconds(3)) {
        self.connect = connect
        self.command = command
        self.patience = patience
    }
}
