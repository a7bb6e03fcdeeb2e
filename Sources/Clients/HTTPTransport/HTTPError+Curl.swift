import CCurl

extension HTTPError {
    /// libcurl's result as an error of ours.
    init(_ code: CURLcode, address: String, reason: String) {
        self =
            switch code {
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest("\(address) is not a web address")
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unknownHost(address)
            case CURLE_COULDNT_CONNECT: .cannotConnect(address, reason)
            case CURLE_OPERATION_TIMEDOUT: .timedOut(address, reason)
            case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND,
                CURLE_HTTP2, CURLE_HTTP2_STREAM:
                .connectionLost(address, reason)
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER:
                .tls(address, reason)
            default: .failed(address, reason)
            }
    }
}
