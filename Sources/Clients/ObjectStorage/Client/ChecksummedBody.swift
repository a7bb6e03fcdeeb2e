import HTTPTransport
import NIOCore
import Streams

/// A stream of known length in `aws-chunked` encoding, with its CRC-32 behind it, so that the server itself checks what it stores
/// and refuses it when it is not what was sent.
///
/// ```
/// 10000\r\n  65,536 bytes  \r\n  …  0\r\n  x-amz-checksum-crc32:…\r\n  \r\n
/// ```
/// A chunk's size stands before its bytes, and the whole length is known beforehand, so nothing is collected: the stream's buffers are
/// passed on, cut where a chunk ends.
struct ChecksummedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    /// Bytes of every chunk but the last. Servers take at least 8 KiB and at most 16 MiB.
    static let chunk = 64 << 10
    static let trailer = Checksum.Algorithm.crc32

    let source: ByteStream
    /// The number of bytes in `source`.
    let length: Int

    /// The number of bytes that go over the network.
    var encodedLength: Int {
        let (full, rest) = length.quotientAndRemainder(dividingBy: Self.chunk)
        func framed(_ size: Int) -> Int { String(size, radix: 16).utf8.count + 2 + size + 2 }
        let end = "0\r\n\(Self.trailer.header):".utf8.count + 8 + 4
        return full * framed(Self.chunk) + (rest > 0 ? framed(rest) : 0) + end
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(chunks: source.makeAsyncIterator(), framing: Framing(length: length))
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var chunks: ByteStream.AsyncIterator
        var framing: Framing
        var waiting: [ByteBuffer] = []

        mutating func next() async throws -> ByteBuffer? {
            while waiting.isEmpty {
                guard !framing.isFinished else { return nil }
                let chunk = try await chunks.next()
                waiting = try framing.encode(chunk).reversed()
            }
            return waiting.popLast()
        }
    }

    /// Bytes in, framed bytes out.
    struct Framing {
        private let length: Int
        private var done = 0
        /// Bytes that are missing of the chunk that was begun.
        private var open = 0
        private var checksum = Checksum(ChecksummedBody.trailer)
        private(set) var isFinished = false

        init(length: Int) { self.length = length }

        /// Frames the next bytes; `nil` is the end.
        /// - Throws: ``HTTPError/wrongBodyLength(announced:sent:)``
        mutating func encode(_ bytes: ByteBuffer?) throws -> [ByteBuffer] {
            guard var bytes else {
                guard done == length else { throw HTTPError.wrongBodyLength(announced: length, sent: done) }
                isFinished = true
                return [
                    ByteBuffer(string: "0\r\n\(ChecksummedBody.trailer.header):\(checksum.finish())\r\n\r\n")
                ]
            }
            guard done + bytes.readableBytes <= length else {
                throw HTTPError.wrongBodyLength(announced: length, sent: done + bytes.readableBytes)
            }
            bytes.withUnsafeReadableBytes { checksum.update($0) }
            var framed: [ByteBuffer] = []
            while bytes.readableBytes > 0 {
                if open == 0 {
                    open = Swift.min(ChecksummedBody.chunk, length - done)
                    framed.append(ByteBuffer(string: "\(String(open, radix: 16))\r\n"))
                }
                guard let slice = bytes.readSlice(length: Swift.min(open, bytes.readableBytes)) else { break }
                framed.append(slice)
                open -= slice.readableBytes
                done += slice.readableBytes
                if open == 0 { framed.append(ByteBuffer(string: "\r\n")) }
            }
            return framed
        }
    }
}
