import Foundation
import Hummingbird
import ServiceContract

/// What a handler answers.
public struct FunctionResponse: Sendable {
    /// The HTTP status.
    public var status: Int
    /// The headers; `Content-Length` follows from the body.
    public var headers: HTTPFields
    /// The body.
    public var body: Body

    /// Where the bytes of an answer come from.
    public enum Body: Sendable {
        /// No bytes.
        case empty
        /// These bytes.
        case bytes(Data)
        /// Bytes that are written while they are sent; `length` is their number when it is known. The writer
        /// waits while the client is slow. When it throws, the connection is cut so that the client notices.
        case stream(length: Int?, @Sendable (inout BodyWriter) async throws -> Void)
    }

    /// An answer.
    public init(status: Int = 200, headers: HTTPFields = [:], body: Body = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An answer of JSON text with sorted keys and dates as ISO 8601.
    public static func json(status: Int = 200, headers: HTTPFields = [:], _ value: some Encodable) throws -> Self {
        var headers = headers
        headers[.contentType] = "application/json"
        return FunctionResponse(
            status: status, headers: headers, body: .bytes(try JSONEncoder.contract.encode(value) + Data("\n".utf8)))
    }

    /// An answer of plain text.
    public static func text(status: Int = 200, _ text: String, contentType: String = "text/plain; charset=utf-8")
        -> Self
    {
        FunctionResponse(status: status, headers: [.contentType: contentType], body: .bytes(Data(text.utf8)))
    }

    init(_ problem: Problem, requestID: String) {
        status = problem.status
        headers = problem.headers
        headers[.contentType] = "application/problem+json"
        body = .bytes(problem.json(requestID: requestID))
    }

    /// The body's length in bytes when it is known.
    var contentLength: Int? {
        switch body {
        case .empty: 0
        case .bytes(let data): data.count
        case .stream(let length, _): length
        }
    }
}

/// Writes the body of an answer. Each write waits until the client has taken enough of what was written before.
public struct BodyWriter {
    private var base: any ResponseBodyWriter
    private let exchange: Exchange
    private let length: Int?
    private var written = 0

    init(_ base: any ResponseBodyWriter, exchange: Exchange, length: Int?) {
        self.base = base
        self.exchange = exchange
        self.length = length
    }

    /// Sends these bytes.
    ///
    /// - Throws: when the client is gone, or has taken nothing for too long.
    public mutating func write(_ buffer: ByteBuffer) async throws {
        let count = buffer.readableBytes
        guard count > 0 else { return }
        written += count
        if let length, written > length { throw BodyLengthError(expected: length, actual: written) }
        exchange.writeBegins()
        try await base.write(buffer)
        exchange.writeEnds(bytes: count)
    }

    /// Sends a text or another small document.
    public mutating func write(_ data: Data) async throws { try await write(ByteBuffer(bytes: data)) }

    consuming func finish() async throws {
        if let length, written != length { throw BodyLengthError(expected: length, actual: written) }
        try await base.finish(nil)
    }
}

/// The writer gave another number of bytes than it had promised; the connection is cut.
struct BodyLengthError: Error, CustomStringConvertible {
    let expected: Int
    let actual: Int

    var description: String { "the answer was to have \(expected) bytes and had \(actual)" }
}
