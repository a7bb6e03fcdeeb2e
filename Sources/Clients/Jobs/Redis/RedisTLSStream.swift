import COpenSSL
import Foundation

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
