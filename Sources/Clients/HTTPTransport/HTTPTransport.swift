public import Foundation
public import Streams

// What a client of a web service sees of HTTP: something that sends a request and gives back an answer whose body streams, or says
// why there is none. `CurlTransport` is the one that uses a network.

/// What sends one HTTP request and gives back the answer.
///
/// Clients of web services take one of these, so that their tests can answer without a network.
public protocol HTTPTransport: Sendable {
    /// Sends `request` and returns once the answer's head is there; its body streams while it is read.
    ///
    /// Every status is an answer, not an error. A streamed request body is read until the server has it all or has
    /// refused it with a status of 300 or more.
    /// - Throws: ``HTTPError`` when there is no answer, `CancellationError` when the task was cancelled (the transfer
    ///   is then aborted), and whatever a streamed request body itself throws.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse
}

/// One HTTP request.
public struct HTTPRequest: Sendable {
    /// The method, in capitals.
    public var method: String
    /// `http` or `https` address, already percent-encoded. It is sent as it is: `..` in its path is not resolved.
    public var url: String
    /// Header fields. `Content-Length`, `Host` and `Transfer-Encoding` are added as the body needs them.
    public var headers: HTTPHeaders
    /// The body.
    public var body: HTTPBody
    /// When to give up.
    public var timeouts: HTTPTimeouts
    /// How to trust the server, for `https`.
    public var tls: TLSOptions
    /// How many redirections to follow; with 0 a redirection is an answer like any other.
    public var redirects: Int
    /// Whether a connection may be made to addresses of the public internet only, for an address that a stranger has chosen. It is a
    /// connection of its own then, and goes through no proxy.
    public var publicOnly = false

    /// A request; only the address is needed.
    public init(
        method: String = "GET", url: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty,
        timeouts: HTTPTimeouts = HTTPTimeouts(), tls: TLSOptions = TLSOptions(), redirects: Int = 0
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.tls = tls
        self.redirects = redirects
    }
}

/// When a transfer is given up.
public struct HTTPTimeouts: Sendable, Equatable {
    /// Time for name resolution, TCP connection and TLS handshake together.
    public var connect: Duration
    /// The longest time in which not a single byte moves, including the wait for the answer; `nil` for no limit, as
    /// for a watch. Time in which our own reader holds the answer back does not count.
    public var idle: Duration?
    /// The longest time for the whole exchange, body included; `nil` for no limit.
    public var total: Duration?

    /// 10 s to connect, 60 s without a byte, and no limit to the whole unless told.
    public init(connect: Duration = .seconds(10), idle: Duration? = .seconds(60), total: Duration? = nil) {
        self.connect = connect
        self.idle = idle
        self.total = total
    }
}

/// The body of a request.
public enum HTTPBody: Sendable {
    /// No body; `Content-Length: 0` for methods that usually have one.
    case empty
    /// Bytes in memory.
    case bytes(Data)
    /// A file or, with `range`, its bytes from `range.lowerBound` up to and without `range.upperBound`.
    case file(URL, range: Range<Int>? = nil)
    /// Chunks as they come. With `length` exactly so many bytes must come; without it the body is sent chunked.
    case stream(ByteStream, length: Int?)

    /// The number of bytes if it is known. For a file the answer needs a look at the disk.
    public var length: Int? {
        switch self {
        case .empty: 0
        case .bytes(let data): data.count
        case .file(_, let range?): range.count
        case .file(let url, nil): try? url.resourceValues(forKeys: [.fileSizeKey]).fileSize
        case .stream(_, let length): length
        }
    }

    /// Whether the body can be sent a second time after a failed attempt.
    public var isRepeatable: Bool {
        if case .stream = self { false } else { true }
    }
}

extension ByteStream {
    /// Everything in one piece.
    ///
    /// - Parameter limit: the most bytes to accept.
    /// - Throws: ``HTTPError/bodyTooLarge(limit:)`` as soon as there are more, and what the stream throws.
    public func collect(limit: Int) async throws -> Data {
        var all = Data()
        for try await chunk in self {
            guard all.count + chunk.readableBytes <= limit else { throw HTTPError.bodyTooLarge(limit: limit) }
            all.append(chunk)
        }
        return all
    }
}

/// Header fields in the order in which they were given; names compare without regard to case (RFC 9110, section 5.1).
public struct HTTPHeaders: Sendable, Equatable {
    /// One header field.
    public struct Field: Sendable, Equatable {
        /// The name as it was given.
        public var name: String
        /// The value without surrounding white space.
        public var value: String
    }

    private var fields: [Field] = []

    /// No fields.
    public init() {}

    /// The given fields, in order; a name may come more than once.
    public init(_ fields: [(String, String)]) {
        self.fields = fields.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first value of `name`. Setting it replaces every field of that name; setting `nil` removes them.
    public subscript(name: String) -> String? {
        get { fields.first { $0.name.equalsIgnoringCase(name) }?.value }
        set {
            let index = fields.firstIndex { $0.name.equalsIgnoringCase(name) }
            fields.removeAll { $0.name.equalsIgnoringCase(name) }
            guard let newValue else { return }
            fields.insert(Field(name: name, value: newValue), at: index ?? fields.count)
        }
    }

    /// Every value of `name`.
    public func values(_ name: String) -> [String] {
        fields.filter { $0.name.equalsIgnoringCase(name) }.map(\.value)
    }

    /// Adds a field and keeps those of the same name.
    public mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }
}

extension HTTPHeaders: RandomAccessCollection {
    /// The first field's position.
    public var startIndex: Int { 0 }
    /// The position behind the last field.
    public var endIndex: Int { fields.count }
    /// The field at a position.
    public subscript(position: Int) -> Field { fields[position] }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    /// The fields of a literal, in order.
    public init(dictionaryLiteral elements: (String, String)...) { self.init(elements) }
}

extension String {
    /// Whether two header names are the same; only ASCII letters have case there.
    func equalsIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count
            && zip(utf8, other.utf8).allSatisfy { left, right in
                left == right || (left | 0x20 == right | 0x20 && (UInt8(ascii: "a")...UInt8(ascii: "z")) ~= left | 0x20)
            }
    }
}

/// How a server is trusted and how we show who we are, for `https`.
public struct TLSOptions: Sendable, Equatable {
    /// The certificate authorities that may vouch for the server.
    public enum Trust: Sendable, Equatable {
        /// Those of the system.
        case system
        /// Those in a PEM file.
        case file(String)
        /// Those in PEM text.
        case pem(Data)
    }

    /// A certificate of our own with its private key, both PEM text.
    public struct ClientCertificate: Sendable, Equatable {
        /// The certificate, followed by its chain if it has one.
        public var certificate: Data
        /// The private key, not encrypted.
        public var key: Data

        /// A certificate with its key.
        public init(certificate: Data, key: Data) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Who may vouch for the server.
    public var trust: Trust
    /// What we show when the server asks for a certificate.
    public var clientCertificate: ClientCertificate?
    /// Whether the server's certificate and name are checked. Turn it off for experiments only.
    public var verifiesServer: Bool

    /// The system's authorities, no certificate of our own, everything verified, unless told.
    public init(
        trust: Trust = .system, clientCertificate: ClientCertificate? = nil, verifiesServer: Bool = true
    ) {
        self.trust = trust
        self.clientCertificate = clientCertificate
        self.verifiesServer = verifiesServer
    }
}

/// The answer to a request.
public struct HTTPResponse: Sendable {
    /// The status code, 100 to 599.
    public var status: Int
    /// The header fields.
    public var headers: HTTPHeaders
    /// The body. Letting go of it unread aborts the transfer and closes its connection.
    public var body: ByteStream

    /// An answer.
    public init(status: Int, headers: HTTPHeaders = [:], body: ByteStream = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body's length in bytes as the server announced it.
    public var contentLength: Int? { headers["Content-Length"].flatMap { Int($0) } }

    /// How long to wait before the next request, where the server says so in seconds.
    public var retryAfter: Duration? { headers["Retry-After"].flatMap { UInt32($0) }.map { .seconds($0) } }
}

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
    /// The name leads to an address that is not one of the public internet, though only such were allowed.
    case privateAddress(String)
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
        case .privateAddress(let address):
            "\(address) leads to a private network, where it may not be sent."
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
