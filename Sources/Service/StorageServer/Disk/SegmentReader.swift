import Foundation
import Hummingbird
import NIOCore
import Synchronization

/// Reads an object's bytes, which are in one file or several.
final class SegmentReader: Sendable {
    /// The most bytes read at once.
    static let chunk = 256 << 10

    private struct Opened {
        var descriptor: Int32 = -1
        var segment = -1
    }

    private let layout: Layout
    private let bucket: String
    private let record: ObjectRecord
    private let lease: ReadLease
    private let opened = Mutex(Opened())

    init(_ layout: Layout, _ bucket: String, _ record: ObjectRecord, _ lease: ReadLease) {
        self.layout = layout
        self.bucket = bucket
        self.record = record
        self.lease = lease
    }

    deinit { opened.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

    /// Opens the first file, so that one that cannot be read is noticed before the answer begins.
    func prepare(at range: Range<Int>) async throws {
        guard !range.isEmpty else { return }
        try await Disk.run { [self] in _ = try locate(range.lowerBound) }
    }

    /// The next bytes of `range`; at least one.
    func read(_ range: Range<Int>) async throws -> ByteBuffer {
        try await Disk.run { [self] in
            let (descriptor, offset, left) = try locate(range.lowerBound)
            let wanted = min(range.count, left, Self.chunk)
            var buffer = ByteBufferAllocator().buffer(capacity: wanted)
            try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { target in
                let count = pread(descriptor, target.baseAddress, wanted, off_t(offset))
                guard count > 0 else { throw DiskError("read the object", record.key) }
                return count
            }
            return buffer
        }
    }

    /// The bytes of `range` as they are sent.
    func body(_ range: Range<Int>) -> ResponseBody {
        guard !range.isEmpty else { return ResponseBody() }
        return ResponseBody(contentLength: range.count) { [self] writer in
            var rest = range
            while !rest.isEmpty {
                let buffer = try await read(rest)
                rest = rest.lowerBound + buffer.readableBytes..<rest.upperBound
                try await writer.write(buffer)
            }
            try await writer.finish(nil)
        }
    }

    /// The open file that holds a position, the position in it, and how many bytes follow in it.
    private func locate(_ position: Int) throws -> (descriptor: Int32, offset: Int, left: Int) {
        var (segment, offset) = (0, position)
        while segment < record.segments.count - 1, offset >= record.segments[segment] {
            offset -= record.segments[segment]
            segment += 1
        }
        let descriptor = try opened.withLock { opened in
            if opened.segment != segment {
                if opened.descriptor >= 0 { close(opened.descriptor) }
                let path = layout.data(bucket, record.id, segment)
                opened = Opened(descriptor: open(path, O_RDONLY | O_CLOEXEC), segment: segment)
                guard opened.descriptor >= 0 else {
                    opened.segment = -1
                    throw DiskError("open", path)
                }
            }
            return opened.descriptor
        }
        return (descriptor, offset, record.segments[segment] - offset)
    }
}
