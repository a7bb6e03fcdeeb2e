import Audio
import Foundation
import FunctionHost
import NIOCore
import ObjectStorage
import ServiceContract
import Streams
import Threading

/// A track in the output bucket, as a decoder reads it: here and there, on a thread that may block.
///
/// The decoder's thread asks for a block and waits; ``serve()``, which runs beside it as a task, fetches it. What is read one block
/// after the other comes in ever longer requests, so that going somewhere costs little and reading on has few gaps. A few blocks are
/// kept: decoders go back to where they were.
///
/// `@unchecked Sendable`: what changes is only touched under the condition's lock.
final class StoredTrack: AudioBytes, @unchecked Sendable {
    let path: String
    let size: Int
    private let client: S3Client
    private let bucket: String
    private let key: String
    private let eTag: String
    private let wishes: AsyncStream<Int>
    private let wish: AsyncStream<Int>.Continuation

    private let condition = NSCondition()
    private var blocks: [(index: Int, bytes: ByteBuffer)] = []
    private var failure: (any Error)?

    private static let blockSize = 1 << 16
    private static let keptBlocks = 6
    private static let longestRequest = 64

    /// A stem, or the song itself, of `job`.
    init(_ record: StemRecord, of job: JobID, client: S3Client, bucket: String) {
        path = record.downloadName
        size = record.size
        key = record.key(of: job)
        eTag = record.eTag
        self.client = client
        self.bucket = bucket
        (wishes, wish) = AsyncStream.makeStream()
    }

    /// - Throws: why a block could not be had, if so; to its decoder it looked like the end.
    func check() throws {
        if let failure = condition.withLock({ failure }) { throw failure }
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        guard offset >= 0, offset < size, target.count > 0 else { return 0 }
        let index = offset / Self.blockSize
        guard let block = block(index) else { return 0 }
        return block.withUnsafeReadableBytes { bytes in
            let bytes = bytes.dropFirst(offset - index * Self.blockSize).prefix(target.count)
            target.copyBytes(from: bytes)
            return bytes.count
        }
    }

    /// Fetches what the decoder asks for, until the task is cancelled or something fails.
    func serve() async {
        var request = Request()
        for await index in wishes {
            do {
                let block = try await block(index, &request)
                condition.withLock {
                    blocks.append((index, block))
                    if blocks.count > Self.keptBlocks { blocks.removeFirst() }
                    condition.broadcast()
                }
            } catch {
                return fail(error)
            }
        }
        fail(CancellationError())
    }

    /// Waits for a block; nil where it cannot be had.
    private func block(_ index: Int) -> ByteBuffer? {
        condition.withLock {
            var isWished = false
            while true {
                if let block = blocks.first(where: { $0.index == index }) { return block.bytes }
                guard failure == nil else { return nil }
                if !isWished { wish.yield(index) }
                isWished = true
                condition.wait()
            }
        }
    }

    private func fail(_ error: any Error) {
        condition.withLock {
            failure = failure ?? error
            condition.broadcast()
        }
    }

    /// What is being read of the object.
    private struct Request {
        /// The block that comes next.
        var next = -1
        /// The block behind the last one.
        var end = -1
        var length = 1
        var chunks: ByteStream.AsyncIterator?
        var rest = ByteBuffer()
    }

    private func block(_ index: Int, _ request: inout Request) async throws -> ByteBuffer {
        let wanted = min(Self.blockSize, size - index * Self.blockSize)
        if index != request.next || index >= request.end {
            request.length = index == request.next ? min(2 * request.length, Self.longestRequest) : 1
            let start = index * Self.blockSize
            let range = start..<min(size, start + request.length * Self.blockSize)
            let object = try await client.get(bucket, key, range: .bytes(range), ifMatch: eTag)
            request.chunks = object.body.makeAsyncIterator()
            request.rest = ByteBuffer()
            request.end = index + request.length
        }
        request.next = index + 1
        // A slice of what comes would keep all of that in memory.
        var block = ByteBufferAllocator().buffer(capacity: wanted)
        while block.readableBytes < wanted {
            if request.rest.readableBytes == 0 {
                guard let chunk = try await request.chunks?.next() else { throw Problem.stemGone }
                request.rest = chunk
            }
            let length = min(wanted - block.readableBytes, request.rest.readableBytes)
            if let part = request.rest.readSlice(length: length) { block.writeImmutableBuffer(part) }
        }
        return block
    }
}
