/// How to speak TLS with Redis; off for `redis://`. The server's certificate is always verified.
public struct RedisTLS: Sendable, Equatable {
    /// Whether it is spoken at all.
    public var isOn: Bool
    /// A PEM file with the authorities to believe; nil for the system's.
    public var authorities: String?
    /// A PEM file with our own certificate and those between it and its authority, for servers that ask for one.
    public var certificate: String?
    /// A PEM file with the certificate's key; nil when it is in the same file.
    public var key: String?

    /// TLS with these files.
    public init(isOn: Bool, authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.isOn = isOn
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }

    /// No TLS.
    public static let off = RedisTLS(isOn: false)

    /// TLS with the files that `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE` name.
    init(environment: [String: String]) {
        func file(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        self.init(
            isOn: true, authorities: file("REDIS_CA_FILE"), certificate: file("REDIS_CERT_FILE"),
            key: file("REDIS_KEY_FILE"))
    }
}
