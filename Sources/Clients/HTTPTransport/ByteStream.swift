public import Foundation

/// A sequence of byte chunks whose origin does not matter: a response, a file, another request's body.
///
/// It is read once, from its beginning to its end, by one task. The reader sets the pace: nothing is produced far ahead of
/// what is read. Letting go of it before its end stops its origin.
public struct ByteStream: AsyncSequence, Sendable {
    /// A chunk, never empty unless its origin gives empty ones.
    public typealias Element = Data
    /// Whatever the origin throws.
    public typealias Failure = any Error

    private let start: @Sendable () -> AsyncIterator

    /// The chunks of another sequence.
    public init<Chunks: AsyncSequence & Sendable>(_ chunks: Chunks) where Chunks.Element == Data {
        start = {
            var iterator = chunks.makeAsyncIterator()
            return AsyncIterator { try await iterator.next() }
        }
    }

    /// The given bytes in one chunk, or no chunk where there are none.
    public init(_ data: Data) {
        start = {
            var rest = data.isEmpty ? nil : data
            return AsyncIterator {
                defer { rest = nil }
                return rest
            }
        }
    }

    /// The chunks that `next` gives, until it gives `nil`.
    public init(next: @escaping @Sendable () async throws -> Data?) {
        start = { AsyncIterator(next) }
    }

    /// No chunk at all.
    public static let empty = ByteStream(next: { nil })

    /// Starts reading.
    public func makeAsyncIterator() -> AsyncIterator { start() }

    /// Reads the chunks of a ``ByteStream``.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let advance: () async throws -> Data?

        init(_ advance: @escaping () async throws -> Data?) { self.advance = advance }

        /// The next chunk, `nil` at the end.
        public mutating func next() async throws -> Data? { try await advance() }
    }

    /// Everything in one piece.
    ///
    /// - Parameter limit: the most bytes to accept.
    /// - Throws: ``HTTPError/bodyTooLarge(limit:)`` as soon as there are more, and what the stream throws.
    public func collect(limit: Int) async throws -> Data {
        var all = Data()
        for try await chunk in self {
            guard all.count + chunk.count <= limit else { throw HTTPError.bodyTooLarge(limit: limit) }
            all.append(chunk)
        }
        return all
    }
}
