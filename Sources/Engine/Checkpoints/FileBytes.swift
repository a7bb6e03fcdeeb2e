import Foundation

/// The bytes of a checkpoint: a file mapped read-only, or a copy of bytes in memory.
///
/// `@unchecked Sendable`: the bytes never change and the pointer lives as long as this value. (A file that another
/// program shortens while it is mapped is beyond what can be caught; files are replaced by renaming.)
package final class FileBytes: @unchecked Sendable {
    /// All bytes.
    let buffer: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// Maps a regular file. Throws `CheckpointProblem`.
    package init(mapping url: URL) throws {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw CheckpointProblem.unreadable(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointProblem.unreadable(String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw CheckpointProblem.unreadable("it is not a file") }
        guard status.st_size > 0 else { throw CheckpointProblem.malformed("it is empty") }
        let count = Int(status.st_size)
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw CheckpointProblem.unreadable(String(cString: strerror(errno)))
        }
        buffer = UnsafeRawBufferPointer(start: start, count: count)
        isMapped = true
    }

    /// Copies bytes.
    package init(copying bytes: some Collection<UInt8>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        copy.copyBytes(from: bytes)
        buffer = UnsafeRawBufferPointer(copy)
        isMapped = false
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: buffer.baseAddress!), buffer.count)
        } else {
            buffer.deallocate()
        }
    }

    /// How many bytes there are.
    var count: Int { buffer.count }

    /// Checks that `[offset, offset + length)` lies within the bytes.
    func range(_ offset: Int, _ length: Int, _ what: @autoclosure () -> String) throws -> Range<Int> {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
            throw CheckpointProblem.malformed("\(what()) reaches beyond the end of the file")
        }
        return offset..<offset + length
    }

    /// Lets the system forget that the range's pages are resident; they are read again when touched.
    func release(_ range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = (range.lowerBound + page - 1) / page * page
        let last = range.upperBound / page * page
        guard isMapped, first < last, let start = buffer.baseAddress else { return }
        madvise(UnsafeMutableRawPointer(mutating: start + first), last - first, Int32(MADV_DONTNEED))
    }
}
