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
    /// percent-encoded.
    ///
    /// - Parameter environment: where `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE` are looked up for TLS.
    /// - Throws: ``RedisError/invalidURL(_:)``, whose sentence does not repeat the password.
    public init(
        _ url: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(RedisError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme else {
            throw .invalidURL("it is not a URL; write redis://host:port/database")
        }
        guard ["redis", "rediss"].contains(scheme) else {
            throw .invalidURL("its scheme is \(scheme); write redis://host:port/database, or rediss:// for TLS")
        }
        guard let host = parts.host, !host.isEmpty else { throw .invalidURL("it names no host") }
        let path = parts.path.drop { $0 == "/" }
        guard let database = path.isEmpty ? 0 : Int(path), database >= 0 else {
            throw .invalidURL("the database “\(path)” is not a number")
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = parts.port ?? 6379
        self.user = parts.user.flatMap { $0.isEmpty ? nil : $0 }
        self.password = parts.password.flatMap { $0.isEmpty ? nil : $0 }
        self.database = database
        tls = scheme == "rediss" ? RedisTLS(environment: environment) : .off
    }
}
