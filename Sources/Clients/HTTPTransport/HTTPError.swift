/// Why a request got no (complete) answer.
public enum HTTPError: Error, Sendable, Equatable {
    /// The request itself cannot be sent: the reason.
    case invalidRequest(String)
    /// The server's name has no address.
    case unknownHost(String)
    /// Nothing accepts connections at the address: address, reason.
    case cannotConnect(String, String)
    /// The server, or the way to it, was silent for too long: address, reason.
    case timedOut(String, String)
    /// The connection ended in the middle: address, reason.
    case connectionLost(String, String)
    /// The server's certificate, our own, or the handshake is not acceptable: address, reason.
    case tls(String, String)
    /// The answer is larger than the reader accepts, in bytes.
    case bodyTooLarge(limit: Int)
    /// The answer's header fields are larger than we accept, in bytes.
    case headersTooLarge(limit: Int)
    /// A file to be sent cannot be read: path, reason.
    case unreadableFile(String, String)
    /// A streamed request body has another length than announced.
    case wrongBodyLength(announced: Int, sent: Int)
    /// Anything else: address, libcurl's sentence.
    case failed(String, String)

    /// Whether the same request may well succeed when it is sent again.
    public var isTransient: Bool {
        switch self {
        case .cannotConnect, .timedOut, .connectionLost, .unknownHost: true
        default: false
        }
    }
}

extension HTTPError: CustomStringConvertible {
    /// A sentence that says what happened and, where it helps, what to do.
    public var description: String {
        switch self {
        case .invalidRequest(let reason):
            "The request cannot be sent: \(reason)."
        case .unknownHost(let address):
            "The host of \(address) has no address: check its name and the name servers."
        case .cannotConnect(let address, let reason):
            "Cannot connect to \(address): \(reason). Check that the server runs and that the address is right."
        case .timedOut(let address, let reason):
            "\(address) did not answer in time: \(reason)."
        case .connectionLost(let address, let reason):
            "The connection to \(address) was lost: \(reason)."
        case .tls(let address, let reason):
            "No secure connection to \(address): \(reason). Check the certificates and the authority that signed them."
        case .bodyTooLarge(let limit):
            "The body is larger than the accepted \(limit) bytes."
        case .headersTooLarge(let limit):
            "The server's header fields are larger than the accepted \(limit) bytes."
        case .unreadableFile(let path, let reason):
            "The file \(path) cannot be read: \(reason)."
        case .wrongBodyLength(let announced, let sent):
            "The body was announced with \(announced) bytes but has \(sent)."
        case .failed(let address, let reason):
            "The request to \(address) failed: \(reason)."
        }
    }
}
