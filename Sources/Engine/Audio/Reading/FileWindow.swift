import Foundation

/// Random access to a file's bytes through one small buffer, so that scanning a file does not map it into memory.
final class FileWindow {
    /// The file's size in bytes.
    let size: Int
    private let descriptor: Int32
    private let buffer: UnsafeMutablePointer<UInt8>
    private var start = 0
    private var count = 0
    private static let capacity = 1 << 16

    /// Opens the file.
    ///
    /// - Throws: ``AudioError/cannotOpen(path:reason:)``, also for a folder.
    init(_ url: URL) throws {
        descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw AudioError.cannotOpen(path: url.path, reason: String(cString: strerror(errno)))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw AudioError.cannotOpen(path: url.path, reason: "it is not a regular file")
        }
        size = Int(status.st_size)
        buffer = .allocate(capacity: Self.capacity)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    /// The byte at `offset`, or nil beyond the end (or where the disk fails).
    func byte(at offset: Int) -> UInt8? {
        if offset < start || offset >= start + count {
            guard offset >= 0, offset < size else { return nil }
            count = max(0, pread(descriptor, buffer, Self.capacity, off_t(offset)))
            start = offset
            guard count > 0 else { return nil }
        }
        return buffer[offset - start]
    }

    /// `length` bytes from `offset` on, or fewer at the end.
    func bytes(at offset: Int, length: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(length)
        for index in offset..<offset + length {
            guard let byte = byte(at: index) else { break }
            result.append(byte)
        }
        return result
    }

    /// Four bytes as a big-endian number, or nil where fewer are left.
    func word(at offset: Int) -> UInt32? {
        guard let last = byte(at: offset + 3), let a = byte(at: offset), let b = byte(at: offset + 1),
            let c = byte(at: offset + 2)
        else { return nil }
        return UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(last)
    }

    /// Whether the bytes from `offset` on spell `text` (ASCII).
    func spells(_ text: StaticString, at offset: Int) -> Bool {
        text.withUTF8Buffer { wanted in
            wanted.indices.allSatisfy { byte(at: offset + $0) == wanted[$0] }
        }
    }
}
