/// A certificate that vouches for itself, and its key, in a folder.
public struct Authority: Sendable {
    private let directory: TemporaryDirectory
    /// The certificate's file.
    public var certificate: String { directory.path + "/cert.pem" }
    /// The key's file.
    public var key: String { directory.path + "/key.pem" }

    /// Makes both with `openssl`.
    ///
    /// - Parameter name: who the certificate is for, such as `IP:127.0.0.1` or `DNS:localhost`.
    /// - Throws: ``TestFailure`` when `openssl` is missing or fails.
    public init(name: String) async throws {
        directory = try TemporaryDirectory()
        let process = try ChildProcess([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=test", "-keyout", key, "-out", certificate, "-addext", "subjectAltName=\(name)",
        ])
        guard await process.wait() == 0 else { throw TestFailure("openssl req failed: is openssl installed?") }
    }
}
