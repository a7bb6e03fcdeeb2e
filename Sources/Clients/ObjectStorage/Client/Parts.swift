import Digests
import Foundation
import HTTPTransport
import Synchronization
import Threading

/// Cuts a body into parts that can each be sent again.
protocol PartSource {
    mutating func next() async throws -> HTTPBody?
}

/// Ranges of a file.
struct FileParts: PartSource {
    let url: URL
    var range: Range<Int>
    let size: Int

    init(url: URL, range: Range<Int>, size: Int) {
        self.url = url
        self.range = range
        self.size = max(size, range.count / 9_000 + 1)
    }

    mutating func next() -> HTTPBody? {
        guard !range.isEmpty else { return nil }
        let part = range.prefix(size)
        range = part.upperBound..<range.upperBound
        return .file(url, range: part)
    }
}

/// Pieces of a stream, one in memory at a time; all but the last have the same size.
struct StreamParts: PartSource {
    private var chunks: ByteStream.AsyncIterator
    private var rest = Data()
    private let size: Int

    init(_ stream: ByteStream, size: Int) {
        chunks = stream.makeAsyncIterator()
        self.size = size
    }

    mutating func next() async throws -> HTTPBody? {
        while rest.count < size, let chunk = try await chunks.next() { rest.append(chunk) }
        guard !rest.isEmpty else { return nil }
        let part = Data(rest.prefix(size))
        rest = Data(rest.dropFirst(size))
        return .bytes(part)
    }
}

/// The MD5 of a stream while it passes by.
final class StreamDigest: Sendable {
    private let hash = Mutex<Hash?>(Hash(.md5))

    func observing(_ stream: ByteStream) -> ByteStream {
        ByteStream(
            stream.map { [self] chunk in
                hash.withLock { $0?.update(chunk) }
                return chunk
            })
    }

    /// The digest in hex. Call it once.
    func finish() -> String {
        hash.withLock { hash in
            defer { hash = nil }
            return hash?.finish().hex ?? ""
        }
    }
}

extension HTTPBody {
    /// The MD5 of bytes or a file. A file is read on a thread that may block.
    func md5() async throws -> [UInt8] {
        switch self {
        case .empty, .stream: Hash.digest(.md5, Data())
        case .bytes(let data): Hash.digest(.md5, data)
        case .file(let url, let range): try await BlockingThread(name: "md5").run { try Self.md5(url, range) }
        }
    }

    private static func md5(_ url: URL, _ range: Range<Int>?) throws -> [UInt8] {
        guard let file = try? FileHandle(forReadingFrom: url) else {
            throw HTTPError.unreadableFile(url.path, "it is not there or not readable")
        }
        defer { try? file.close() }
        let hash = Hash(.md5)
        if let range { try file.seek(toOffset: UInt64(range.lowerBound)) }
        var left = range?.count ?? Int.max
        while left > 0, let chunk = try file.read(upToCount: min(left, 1 << 20)), !chunk.isEmpty {
            hash.update(chunk)
            left -= chunk.count
        }
        return hash.finish()
    }
}
