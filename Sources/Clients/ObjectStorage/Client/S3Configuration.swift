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

    /// Checks the endpoint's form.
    /// - Throws: ``S3ConfigurationError``
    public init(
        endpoint: String, region: String = "us-east-1", accessKey: String, secretKey: String, tls: TLSOptions = .init()
    ) throws {
        var endpoint = endpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        let authority = endpoint.split(separator: "://", maxSplits: 1).dropFirst().first ?? ""
        guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://"), !authority.isEmpty,
            !authority.contains(where: { "/?#@ ".contains($0) })
        else {
            throw S3ConfigurationError(
                description: "S3_ENDPOINT is \"\(endpoint)\" but must be an address such as http://127.0.0.1:9000.")
        }
        self.endpoint = endpoint
        self.region = region
        credentials = S3Credentials(accessKey: accessKey, secretKey: secretKey)
        self.tls = tls
    }

    /// Reads `S3_ENDPOINT`, `S3_ACCESS_KEY`, `S3_SECRET_KEY`, `S3_REGION` (default `us-east-1`) `S3_CHECKSUMS`
    /// (0: streams are sent without a checksum behind them) and `S3_CA_FILE` (PEM file of the authority that signed the endpoint's certificate; default: the system's).
    /// - Throws: ``S3ConfigurationError`` that names a missing variable.
    public init(environment: [String: String]) throws {
        func value(_ name: String) throws -> String {
            guard let value = environment[name], !value.isEmpty else {
                throw S3ConfigurationError(
                    description: "\(name) is not set; the object storage needs "
                        + "S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY.")
            }
            return value
        }
        try self.init(
            endpoint: value("S3_ENDPOINT"), region: environment["S3_REGION"] ?? "us-east-1",
            accessKey: value("S3_ACCESS_KEY"), secretKey: value("S3_SECRET_KEY"),
            tls: TLSOptions(trust: environment["S3_CA_FILE"].map { .file($0) } ?? .system))
        switch environment["S3_CHECKSUMS"] {
        case nil, "", "1": break
        case "0": sendsChecksums = false
        case let text?:
            throw S3ConfigurationError(
                description:
                    "S3_CHECKSUMS is \"\(text)\"; write 0 for a storage that takes no aws-chunked bodies, else 1.")
        }
    }

    /// The `Host` field for an endpoint: the default port of its scheme is left out, as HTTP clients do.
    static func host(of endpoint: String) -> String {
        let (scheme, defaultPort) = endpoint.hasPrefix("https://") ? ("https://", ":443") : ("http://", ":80")
        let authority = endpoint.dropFirst(scheme.count)
        return String(authority.hasSuffix(defaultPort) ? authority.dropLast(defaultPort.count) : authority)
    }
}

/// A setting of the object storage that cannot be used.
public struct S3ConfigurationError: Error, CustomStringConvertible {
    /// Which one, and what it must be.
    public let description: String
}
