import COpenSSL

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
