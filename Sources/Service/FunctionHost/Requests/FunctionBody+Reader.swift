import Foundation
import Hummingbird
import Synchronization

extension FunctionBody {
    /// The body as an object that can be handed from one task to the next. Make one reader a body.
    public func reader() -> Reader { Reader(self) }

    /// Reads a body for whoever asks, one at a time.
    ///
    /// `@unchecked Sendable`: the iterator is only touched by the caller that holds the flag; a second one at the
    /// same time is refused.
    public final class Reader: @unchecked Sendable {
        private var iterator: AsyncIterator
        private let isReading = Atomic<Bool>(false)

        fileprivate init(_ body: FunctionBody) { iterator = body.makeAsyncIterator() }

        /// The next chunk, or nil at the body's end.
        ///
        /// - Throws: what reading the body throws, and ``ReaderBusy`` when another task is reading.
        public func next() async throws -> Data? {
            guard !isReading.exchange(true, ordering: .acquiring) else { throw ReaderBusy() }
            defer { isReading.store(false, ordering: .releasing) }
            return try await iterator.next()
        }
    }

    /// Two tasks read one body at the same time; a mistake in the function.
    public struct ReaderBusy: Error {}
}
