import EnvironmentSettings
import Foundation
public import HummingbirdCore
public import Logging
import NIOCore
import NIOSSL
public import ServiceLifecycle
import Synchronization

/// The certificate and key of a server that speaks TLS (1.2 or newer), read again when their files change.
///
/// New connections get the new certificate; open ones keep theirs. Files that cannot be used, or do not belong together (as in
/// the moment between the two being written), leave the old ones in use until they can.
public final class CertificateSource: Service, Sendable {
    private let certificate: String
    private let key: String
    private let interval: Duration
    private let logger: Logger
    private let current: Mutex<(context: NIOSSLContext, stamp: [FileStamp])>

    /// Reads both files.
    ///
    /// - Parameters:
    ///   - certificate: PEM file of the server's certificate, followed by those between it and its authority.
    ///   - key: PEM file of its private key.
    ///   - interval: how often the files are looked at.
    /// - Throws: ``CertificateError`` with a sentence that says which file cannot be used.
    public init(certificate: String, key: String, interval: Duration = .seconds(10), logger: Logger) throws {
        self.certificate = certificate
        self.key = key
        self.interval = interval
        self.logger = logger
        let stamp = [FileStamp(certificate), FileStamp(key)]
        current = Mutex((try Self.load(certificate, key), stamp))
    }

    /// Looks at the files now and then until the surrounding services shut down.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            while true {
                try await Task.sleep(for: interval)
                reload()
            }
        }
    }

    /// Reads the files if they have changed.
    package func reload() {
        let stamp = [FileStamp(certificate), FileStamp(key)]
        guard current.withLock({ $0.stamp }) != stamp else { return }
        do {
            let context = try Self.load(certificate, key)
            current.withLock { $0 = (context, stamp) }
            logger.info("new certificate in use", metadata: ["file": "\(certificate)"])
        } catch {
            // Not tried again before something changes.
            current.withLock { $0.stamp = stamp }
            logger.error("the new certificate cannot be used, the old one stays", metadata: ["reason": "\(error)"])
        }
    }

    var context: NIOSSLContext { current.withLock { $0.context } }

    private static func load(_ certificate: String, _ key: String) throws -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
            guard !chain.isEmpty else { throw CertificateError("it holds no certificate") }
        } catch {
            throw CertificateError("The certificate \(certificate) cannot be used: \(error).")
        }
        let secret: NIOSSLPrivateKey
        do {
            secret = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw CertificateError("The private key \(key) cannot be used: \(error).")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw CertificateError(
                "The certificate \(certificate) and the key \(key) do not belong together or cannot be used: \(error).")
        }
    }
}

/// The files that make a server speak TLS.
package struct TLSFiles: Configurable {
    var certificate: String?
    var key: String?

    package static let usual = TLSFiles()

    package static var settings: [Setting<TLSFiles>] {
        [
            Setting("MSAAS_TLS_CERTIFICATE", \.certificate, .text("a PEM file"), otherwise: "none"),
            Setting("MSAAS_TLS_KEY", \.key, .text("a PEM file"), otherwise: "none"),
        ]
    }

    /// Both of them, or neither.
    ///
    /// - Throws: `ConfigurationError` where there is only one.
    package func both() throws(ConfigurationError) -> (file: String, key: String)? {
        switch (certificate, key) {
        case (let certificate?, let key?): (certificate, key)
        case (nil, nil): nil
        default:
            throw ConfigurationError(
                "One of MSAAS_TLS_CERTIFICATE and MSAAS_TLS_KEY is set; name the PEM files of both, or of neither.")
        }
    }
}

/// Why a certificate or a key cannot be used.
public struct CertificateError: Error, CustomStringConvertible {
    /// The reason, a sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What tells whether a file is another one than before; links, as Kubernetes makes them, are followed.
private struct FileStamp: Equatable {
    private var parts: [Int] = []

    init(_ path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return }
        parts = [
            Int(truncatingIfNeeded: information.st_ino), Int(information.st_size), information.st_mtim.tv_sec,
            information.st_mtim.tv_nsec,
        ]
    }
}

// MARK: - The server

extension HTTPServerBuilder {
    /// HTTP/1.1, guarded by `rules`, inside TLS where there is a certificate.
    public static func guarded(
        _ rules: ConnectionRules, certificates: CertificateSource? = nil, configuration: HTTP1Channel.Configuration
    ) -> HTTPServerBuilder {
        var configuration = configuration
        let others = configuration.additionalChannelHandlers
        configuration.additionalChannelHandlers = { [ConnectionGuard(rules)] + others() }
        let settled = configuration
        return HTTPServerBuilder { responder in
            let plain = HTTP1Channel(responder: responder, configuration: settled)
            guard let certificates else { return plain }
            return SecureChannel(base: plain, certificates: certificates)
        }
    }
}

/// A channel inside TLS, with the certificate that is current when it begins.
private struct SecureChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let certificates: CertificateSource

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.context))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
