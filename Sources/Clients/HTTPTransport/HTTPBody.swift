public import Foundation
public import Streams

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
