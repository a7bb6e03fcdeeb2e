public import Streams

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
