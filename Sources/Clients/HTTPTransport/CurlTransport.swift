import Foundation
import NIOCore
import Streams

/// HTTP over libcurl: one thread drives all transfers, connections are kept and used again.
///
/// A transport is made once and shared. Its thread ends when the last reference to it, and to the bodies of its answers,
/// is gone.
public final class CurlTransport: HTTPTransport {
    private let owner = LoopOwner()

    /// A transport with a thread of its own.
    public init() {}

    /// Sends `request` as ``HTTPTransport/send(_:)`` says.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try request.validate()
        let exchange = Exchange()
        let loop = owner.loop
        loop.post(.start(exchange, request))
        let answer = Answer(exchange, owner)
        let head = try await withTaskCancellationHandler {
            try await Self.head(exchange, request.body, loop)
        } onCancel: {
            answer.cancel()
        }
        return HTTPResponse(
            status: head.status, headers: head.headers, body: ByteStream(next: { try await answer.next() }))
    }

    /// Sends the body, if it streams, while it waits for the answer's head.
    private static func head(_ exchange: Exchange, _ body: HTTPBody, _ loop: CurlLoop) async throws -> IncomingBody.Head
    {
        guard case .stream(let stream, let length) = body else { return try await exchange.incoming.head() }
        async let sent: Void = exchange.outgoing.send(stream, length: length) { loop.post(.resume(exchange)) }
        let head = try await exchange.incoming.head()
        if head.status < 300 { await sent }
        return head
    }
}

/// Stops the loop's thread when nobody can use it any more.
private final class LoopOwner: Sendable {
    let loop = CurlLoop()
    deinit { loop.post(.stop) }
}

/// The reader's end of an answer; letting go of it aborts the transfer if it is not done.
private final class Answer: Sendable {
    private let exchange: Exchange
    private let owner: LoopOwner

    init(_ exchange: Exchange, _ owner: LoopOwner) {
        self.exchange = exchange
        self.owner = owner
    }

    deinit { cancel() }

    func cancel() {
        if !exchange.incoming.isFinished { owner.loop.post(.cancel(exchange)) }
    }

    func next() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await exchange.incoming.next { owner.loop.post(.resume(exchange)) }
        } onCancel: {
            cancel()
        }
    }
}

extension HTTPRequest {
    /// Refuses what would break out of its line in the request's head.
    func validate() throws(HTTPError) {
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw .invalidRequest("\(address) is not a percent-encoded http or https address") }
        guard !method.isEmpty, method.utf8.allSatisfy(\.isTokenCharacter) else {
            throw .invalidRequest("its method is not a word")
        }
        for field in headers {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isTokenCharacter),
                field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
            else {
                throw .invalidRequest("the header field \(field.name.debugDescription) has characters it may not have")
            }
        }
    }
}

extension UInt8 {
    /// Whether a character may be in a method or a header name (RFC 9110, section 5.6.2).
    fileprivate var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}
