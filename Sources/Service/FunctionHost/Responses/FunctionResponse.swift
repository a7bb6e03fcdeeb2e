import Foundation

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
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        var headers = headers
        headers[.contentType] = "application/json"
        return FunctionResponse(
            status: status, headers: headers, body: .bytes(try encoder.encode(value) + Data("\n".utf8)))
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
