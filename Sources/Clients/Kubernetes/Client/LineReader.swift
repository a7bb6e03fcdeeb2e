import Foundation
import HTTPTransport

/// The lines of a stream of bytes, as they come.
struct LineReader {
    private var chunks: ByteStream.AsyncIterator
    private var buffer = Data()
    private var searched = 0
    private let limit: Int

    /// - Parameter limit: the longest line that is accepted, in bytes.
    init(_ stream: ByteStream, limit: Int = 8 << 20) {
        chunks = stream.makeAsyncIterator()
        self.limit = limit
    }

    /// The next line that is not empty, without its end; `nil` at the end. A last line without an end is cut off in the
    /// middle, and dropped.
    mutating func next() async throws -> Data? {
        while true {
            if let end = buffer[(buffer.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end]
                buffer = Data(buffer[(end + 1)...])
                searched = 0
                if !line.isEmpty { return Data(line) }
                continue
            }
            searched = buffer.count
            guard searched <= limit else { throw HTTPError.bodyTooLarge(limit: limit) }
            guard let chunk = try await chunks.next() else { return nil }
            buffer.append(chunk)
        }
    }
}
