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
