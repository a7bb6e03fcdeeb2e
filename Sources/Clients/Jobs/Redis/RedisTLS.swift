import COpenSSL
import Foundation

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
}

/// TLS over a connection, with OpenSSL: the server's certificate must be valid for the name it was called by.
final class RedisTLSStream: RedisStream {
    private let socket: RedisSocket
    private let ssl: OpaquePointer

    /// Shakes hands.
    ///
    /// - Throws: ``RedisError/unreachable(address:reason:)`` that says what is wrong with the certificate or the server.
    init(over socket: RedisSocket, to address: RedisAddress, until deadline: ContinuousClock.Instant) throws(RedisError)
    {
        do throws(TLSRefusal) {
            let context = try TLSContext(address.tls)
            guard let ssl = SSL_new(context.pointer) else { throw TLSRefusal("no memory for TLS") }
            self.socket = socket
            self.ssl = ssl
            try configure(address.host)
            try handshake(address.host, until: deadline)
        } catch {
            throw .unreachable(address: address.description, reason: error.reason)
        }
    }

    deinit { SSL_free(ssl) }

    func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(RedisError) {
        guard !bytes.isEmpty else { return }
        while true {
            ERR_clear_error()
            // OpenSSL takes all or nothing here, and wants the same bytes again after it had to wait.
            let count = SSL_write(ssl, bytes, Int32(clamping: bytes.count))
            if count == bytes.count { return }
            try goOn(after: count, until: deadline)
        }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, until deadline: ContinuousClock.Instant
    ) throws(RedisError) -> Int {
        while true {
            ERR_clear_error()
            let count = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
            if count > 0 { return Int(count) }
            if SSL_get_error(ssl, count) == SSL_ERROR_ZERO_RETURN { return 0 }
            try goOn(after: count, until: deadline)
        }
    }

    /// Says which name the certificate has to be for.
    private func configure(_ host: String) throws(TLSRefusal) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, nil)
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
        guard isAddress || SSL_set1_host(ssl, host) == 1 && SSL_name_server(ssl, host) == 1 else {
            throw TLSRefusal("the name \(host) cannot be checked")
        }
        guard SSL_set_fd(ssl, socket.descriptor) == 1 else { throw TLSRefusal("no memory for TLS") }
    }

    private func handshake(_ host: String, until deadline: ContinuousClock.Instant) throws(TLSRefusal) {
        while true {
            ERR_clear_error()
            let result = SSL_connect(ssl)
            if result == 1 { return }
            do {
                try goOn(after: result, until: deadline)
            } catch {
                let verdict = SSL_get_verify_result(ssl)
                if verdict != Int(X509_V_OK) {
                    let text = String(cString: X509_verify_cert_error_string(verdict))
                    throw TLSRefusal(
                        "its certificate is not accepted for \(host) (\(text)); name its authority in REDIS_CA_FILE")
                }
                if case .timedOut = error {
                    throw TLSRefusal("it does not answer the TLS handshake; for plain TCP write redis://")
                }
                throw TLSRefusal("it does not speak TLS as it should (\(error.cause)); for plain TCP write redis://")
            }
        }
    }

    /// Waits for what OpenSSL wants next.
    private func goOn(after result: Int32, until deadline: ContinuousClock.Instant) throws(RedisError) {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: try socket.wait(for: POLLIN, until: deadline)
        case SSL_ERROR_WANT_WRITE: try socket.wait(for: POLLOUT, until: deadline)
        case SSL_ERROR_SYSCALL:
            let code = errno
            throw .connectionLost(reason: code == 0 ? "the server closed it" : String(cString: strerror(code)))
        default: throw .connectionLost(reason: TLSContext.complaint)
        }
    }
}

extension RedisError {
    /// What happened to a connection, without the sentence around it.
    fileprivate var cause: String { if case .connectionLost(let reason) = self { reason } else { description } }
}

/// Why no TLS connection can be made.
struct TLSRefusal: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// What is believed and shown in handshakes: the one owner of an `SSL_CTX`.
final class TLSContext {
    let pointer: OpaquePointer

    /// TLS 1.2 or newer with the files of `settings`.
    init(_ settings: RedisTLS) throws(TLSRefusal) {
        ERR_clear_error()
        guard let pointer = SSL_CTX_new(TLS_client_method()) else { throw TLSRefusal(Self.complaint) }
        self.pointer = pointer
        try check(SSL_CTX_demand_tls12(pointer), "TLS 1.2 is not possible")
        if let file = settings.authorities {
            try check(SSL_CTX_load_verify_locations(pointer, file, nil), "REDIS_CA_FILE \(file) cannot be used")
        } else {
            try check(SSL_CTX_set_default_verify_paths(pointer), "the system's certificates cannot be used")
        }
        guard let file = settings.certificate else { return }
        try check(SSL_CTX_use_certificate_chain_file(pointer, file), "REDIS_CERT_FILE \(file) cannot be used")
        let key = settings.key ?? file
        try check(
            SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM), "REDIS_KEY_FILE \(key) cannot be used")
    }

    deinit { SSL_CTX_free(pointer) }

    /// The latest of OpenSSL's complaints on this thread.
    static var complaint: String {
        ERR_reason_error_string(ERR_peek_last_error()).map { String(cString: $0) } ?? "the server closed it"
    }

    private func check(_ result: Int32, _ what: String) throws(TLSRefusal) {
        guard result == 1 else { throw TLSRefusal("\(what): \(Self.complaint)") }
    }
}
