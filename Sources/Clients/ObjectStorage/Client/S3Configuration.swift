public import EnvironmentSettings
public import HTTPTransport

/// Where the object storage is and how to get in.
public struct S3Configuration: Sendable, Equatable {
    /// `http://host:port` or `https://host`, without a path.
    public var endpoint: String
    /// The region that signatures name.
    public var region: String
    /// Who we are.
    public var credentials: S3Credentials
    /// Whether streams are sent with a checksum behind them (`aws-chunked`), as AWS, MinIO and our own storage take it; a few others
    /// do not.
    public var sendsChecksums = true
    /// How to trust an `https` endpoint.
    public var tls: TLSOptions

    /// A storage at `endpoint`.
    ///
    /// - Throws: `ConfigurationError` where that is no address.
    public init(
        endpoint: String, region: String = "us-east-1", accessKey: String, secretKey: String, tls: TLSOptions = .init()
    ) throws(ConfigurationError) {
        guard let address = Form.endpoint.read(endpoint) else {
            throw ConfigurationError("S3_ENDPOINT", is: endpoint, write: Form.endpoint.words)
        }
        self.init(address, region, S3Credentials(accessKey: accessKey, secretKey: secretKey), tls)
    }

    private init(_ endpoint: String, _ region: String, _ credentials: S3Credentials, _ tls: TLSOptions) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
        self.tls = tls
    }

    /// Reads the ``settings``.
    ///
    /// - Throws: `ConfigurationError` that names a variable that is missing or wrong.
    public init(environment: [String: String]) throws(ConfigurationError) { self = try .reading(environment) }

    /// The `Host` field for an endpoint: the default port of its scheme is left out, as HTTP clients do.
    static func host(of endpoint: String) -> String {
        let (scheme, defaultPort) = endpoint.hasPrefix("https://") ? ("https://", ":443") : ("http://", ":80")
        let authority = endpoint.dropFirst(scheme.count)
        return String(authority.hasSuffix(defaultPort) ? authority.dropLast(defaultPort.count) : authority)
    }
}

extension S3Configuration: Configurable {
    /// Neither endpoint nor keys, which the environment must name.
    public static var usual: S3Configuration {
        S3Configuration("", "us-east-1", S3Credentials(accessKey: "", secretKey: ""), TLSOptions())
    }

    /// What the environment says of it.
    public static var settings: [Setting<S3Configuration>] {
        let need = "the object storage needs S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY"
        return [
            Setting("S3_ENDPOINT", \.endpoint, .endpoint, need: need),
            Setting("S3_ACCESS_KEY", \.credentials.accessKey, .text("its access key"), need: need),
            Setting(
                "S3_SECRET_KEY", \.credentials.secretKey, .text("its secret key"), need: need, isSecret: true),
            Setting("S3_REGION", \.region, .text("a region")),
            Setting("S3_CHECKSUMS", \.sendsChecksums, .flag),
            Setting("S3_CA_FILE", \.tls.trust, .authorities, otherwise: "the system's"),
        ]
    }
}

extension Form<String> {
    /// `http://host:port` or `https://host`, without a path; slashes at the end do not count.
    public static var endpoint: Form {
        Form("an address such as http://127.0.0.1:9000") { text in
            let endpoint = String(text.reversed().drop { $0 == "/" }.reversed())
            let authority = endpoint.split(separator: "://", maxSplits: 1).dropFirst().first ?? ""
            let isSound =
                ["http://", "https://"].contains { endpoint.hasPrefix($0) } && !authority.isEmpty
                && !authority.contains { "/?#@ ".contains($0) }
            return isSound ? endpoint : nil
        }
    }
}

extension Form<TLSOptions.Trust> {
    static var authorities: Form { Form("a PEM file of authorities") { .file($0) } }
}
