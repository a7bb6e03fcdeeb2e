import Foundation

/// The bytes of a track, wherever they lie. Used by one thread at a time, whose calls may block.
public protocol AudioBytes: AnyObject {
    /// What the person called it, for sentences.
    var path: String { get }
    /// How many there are.
    var size: Int { get }
    /// Copies bytes from `offset` on, at least one and at most as many as fit; 0 beyond the end, and where they cannot be had.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int
}

/// A file of this machine, opened once: what is read is what was judged, whatever happens to the name meanwhile.
final class LocalFile: AudioBytes {
    let path: String
    let size: Int
    private let descriptor: Int32

    /// Opens the file.
    ///
    /// - Throws: ``AudioError/cannotOpen(path:reason:)``, also for a folder or a pipe.
    init(_ url: URL) throws {
        path = url.path
        // A pipe without a writer would hold up a plain open for ever.
        descriptor = url.withUnsafeFileSystemRepresentation { name in
            name.map { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) } ?? -1
        }
        guard descriptor >= 0 else {
            throw AudioError.cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw AudioError.cannotOpen(path: path, reason: "it is not a regular file")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let count = pread(descriptor, target.baseAddress, target.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            return max(0, count)
        }
    }
}

/// Random access to a track's bytes through one small buffer, so that scanning a file does not map it into memory. Every decoder
/// reads through this, and no library gets a path.
final class FileWindow {
    /// What the person called it, for sentences.
    var path: String { bytes.path }
    /// Its size in bytes.
    let size: Int
    private let bytes: any AudioBytes
    private let buffer: UnsafeMutablePointer<UInt8>
    private var start = 0
    private var count = 0
    private static let capacity = 1 << 16

    /// A window over these bytes.
    init(_ bytes: any AudioBytes) {
        self.bytes = bytes
        size = bytes.size
        buffer = .allocate(capacity: Self.capacity)
    }

    deinit { buffer.deallocate() }

    /// Copies bytes from `offset` on, as many as there are and fit; 0 beyond the end (and where the disk fails).
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        guard offset >= 0, offset < size else { return 0 }
        return bytes.read(at: offset, into: target)
    }

    /// The byte at `offset`, or nil beyond the end (or where the disk fails).
    func byte(at offset: Int) -> UInt8? {
        if offset < start || offset >= start + count {
            guard offset >= 0, offset < size else { return nil }
            count = read(at: offset, into: UnsafeMutableRawBufferPointer(start: buffer, count: Self.capacity))
            start = offset
            guard count > 0 else { return nil }
        }
        return buffer[offset - start]
    }

    /// `length` bytes from `offset` on, or fewer at the end.
    func bytes(at offset: Int, length: Int) -> [UInt8] {
        guard offset >= 0, offset < size else { return [] }
        return [UInt8](unsafeUninitializedCapacity: min(length, size - offset)) { target, count in
            let target = UnsafeMutableRawBufferPointer(target)
            while count < target.count {
                let more = read(at: offset + count, into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
                guard more > 0 else { return }
                count += more
            }
        }
    }

    /// Four bytes as a big-endian number, or nil where fewer are left.
    func word(at offset: Int) -> UInt32? {
        guard let last = byte(at: offset + 3), let a = byte(at: offset), let b = byte(at: offset + 1),
            let c = byte(at: offset + 2)
        else { return nil }
        return UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(last)
    }

    /// A number of at most eight bytes, or nil where fewer are left or it does not fit.
    func number(at offset: Int, bytes count: Int, isBigEndian: Bool = false) -> Int? {
        var value: UInt64 = 0
        for index in 0..<count {
            guard let byte = byte(at: offset + (isBigEndian ? index : count - 1 - index)) else { return nil }
            value = value << 8 | UInt64(byte)
        }
        return Int(exactly: value)
    }

    /// Whether the bytes from `offset` on spell `text` (ASCII).
    func spells(_ text: StaticString, at offset: Int) -> Bool {
        text.withUTF8Buffer { wanted in
            wanted.indices.allSatisfy { byte(at: offset + $0) == wanted[$0] }
        }
    }

    /// The first offset in `range` whose byte is not 0, or the range's end.
    func firstNonZero(in range: Range<Int>) -> Int {
        var position = range.lowerBound
        while position < range.upperBound, byte(at: position) == 0 { position += 1 }
        return position
    }
}

// MARK: - Tags around the audio

extension FileWindow {
    /// The file without the tags in front of it and behind it: ID3, APE, Lyrics3. However large their pictures are, no
    /// decoder has to read them.
    var content: Range<Int> {
        let start = skipTags(from: 0)
        var end = size
        while let shorter = tagStart(endingAt: end), shorter >= start, shorter < end { end = shorter }
        return start..<max(start, end)
    }

    /// Behind the ID3v2, ID3v1, APE and Lyrics3 tags that start at `from`.
    func skipTags(from: Int) -> Int {
        var position = from
        while position < size {
            if spells("ID3", at: position), let length = id3Length(at: position) {
                position += length
            } else if spells("TAG", at: position), position + 128 == size {
                position += 128
            } else if spells("APETAGEX", at: position), let length = number(at: position + 12, bytes: 4),
                let flags = byte(at: position + 23)
            {
                let isHeader = flags & 0x20 != 0  // Its size does not count itself.
                position += isHeader ? 32 + length : 32
            } else if spells("LYRICSBEGIN", at: position) {
                position = size - (spells("TAG", at: size - 128) ? 128 : 0)
            } else {
                break
            }
        }
        return min(position, size)
    }

    /// Where the tag starts whose last byte is before `end`; nil when there is none.
    private func tagStart(endingAt end: Int) -> Int? {
        if spells("TAG", at: end - 128) { return end - 128 }
        if spells("APETAGEX", at: end - 32), let length = number(at: end - 20, bytes: 4),
            let flags = byte(at: end - 9)
        {
            return end - length - (flags & 0x80 != 0 ? 32 : 0)
        }
        if spells("LYRICS200", at: end - 9),
            let length = Int(String(decoding: bytes(at: end - 15, length: 6), as: UTF8.self)), length >= 0,
            spells("LYRICSBEGIN", at: end - 15 - length)
        {
            return end - 15 - length
        }
        if spells("3DI", at: end - 10), let length = id3Length(at: end - 10) { return end - length - 10 }
        return nil
    }

    /// The length of an ID3v2 tag with its header (and footer), which stands at `position` (ID3v2.4.0, section 3.1).
    private func id3Length(at position: Int) -> Int? {
        let header = bytes(at: position, length: 10)
        guard header.count == 10, header[3] < 0xff, header[6...9].allSatisfy({ $0 < 0x80 }) else { return nil }
        let length = header[6...9].reduce(0) { $0 << 7 | Int($1) }
        return 10 + length + (header[5] & 0x10 != 0 ? 10 : 0)
    }
}
