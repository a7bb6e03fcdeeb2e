public import Foundation
public import NIOCore

/// The one stream of bytes between a socket and a bucket: a response, a request's body, a file, whatever its origin.
///
/// Its chunks are the buffers that the network or the disk filled; they are passed on, cut and joined without being copied. It is
/// read once, from its beginning to its end, by one task. The reader sets the pace: nothing is produced far ahead of what is read.
/// Letting go of it before its end stops its origin.
public struct ByteStream: AsyncSequence, Sendable {
    /// A chunk, never empty unless its origin gives empty ones.
    public typealias Element = ByteBuffer
    /// Whatever the origin throws.
    public typealias Failure = any Error

    private let start: @Sendable () -> AsyncIterator

    /// The chunks of another sequence.
    public init<Chunks: AsyncSequence & Sendable>(_ chunks: Chunks) where Chunks.Element == ByteBuffer {
        start = {
            var iterator = chunks.makeAsyncIterator()
            return AsyncIterator { try await iterator.next() }
        }
    }

    /// The given bytes in one chunk, or no chunk where there are none.
    public init(_ data: Data) {
        start = {
            var rest = data.isEmpty ? nil : ByteBuffer(bytes: data)
            return AsyncIterator {
                defer { rest = nil }
                return rest
            }
        }
    }

    /// The chunks that `next` gives, until it gives `nil`.
    public init(next: @escaping @Sendable () async throws -> ByteBuffer?) {
        start = { AsyncIterator(next) }
    }

    /// No chunk at all.
    public static let empty = ByteStream(next: { nil })

    /// Starts reading.
    public func makeAsyncIterator() -> AsyncIterator { start() }

    /// Reads the chunks of a ``ByteStream``.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let advance: () async throws -> ByteBuffer?

        init(_ advance: @escaping () async throws -> ByteBuffer?) { self.advance = advance }

        /// The next chunk, `nil` at the end.
        public mutating func next() async throws -> ByteBuffer? { try await advance() }
    }
}

extension Data {
    /// The readable bytes of a buffer, for those who hold bytes as `Data`: files, small documents.
    public init(_ buffer: ByteBuffer) {
        self = buffer.withUnsafeReadableBytes { Data($0) }
    }

    /// Adds the readable bytes of a buffer.
    public mutating func append(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { append(contentsOf: $0) }
    }
}
