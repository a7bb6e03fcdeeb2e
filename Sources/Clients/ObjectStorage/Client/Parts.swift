import Digests
import Foundation
import HTTPTransport
import NIOCore
import Streams
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
    private var rest = ByteBuffer()
    private let size: Int

    init(_ stream: ByteStream, size: Int) {
        chunks = stream.makeAsyncIterator()
        self.size = size
    }

    mutating func next() async throws -> HTTPBody? {
        var part = Data()
        while part.count < size {
            if rest.readableBytes == 0 {
                guard let chunk = try await chunks.next() else { break }
                rest = chunk
            }
            if let slice = rest.readSlice(length: min(size - part.count, rest.readableBytes)) { part.append(slice) }
        }
        return part.isEmpty ? nil : .bytes(part)
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
