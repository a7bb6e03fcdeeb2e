import Digests
import Foundation

/// A file to be put into an archive.
package struct ZipEntry: Sendable {
    package var name: String
    /// Bytes.
    package var size: Int
    package var modified: Date

    package init(name: String, size: Int, modified: Date) {
        self.name = name
        self.size = size
        self.modified = modified
    }

    /// Whether its size does not fit into 32 bits.
    var isLarge: Bool { size >= 0xffff_ffff }
}

/// Writes a zip archive of stored (not compressed) entries as a stream (PKWARE APPNOTE 6.3.10).
///
/// Checksums follow the data in descriptors, so nothing has to be read twice; sizes and offsets beyond 32 bits are
/// written as Zip64. Gives out bytes, does no input or output itself.
package struct ZipWriter {
    private struct Written {
        var entry: ZipEntry
        var offset: Int
        var checksum: UInt32
    }

    private var written: [Written] = []
    private var offset = 0
    private var current: Written?
    private var checksum = CyclicChecksum(.crc32)
    private var count = 0

    /// An empty archive.
    package init() {}

    /// An entry got another number of bytes than was announced.
    package struct WrongSize: Error, CustomStringConvertible {
        package let description: String
    }

    /// The whole archive's size in bytes.
    package static func size(of entries: [ZipEntry]) -> Int {
        var archive = ZipWriter()
        for entry in entries {
            _ = archive.begin(entry)
            archive.offset += entry.size
            _ = archive.endEntry()
        }
        _ = archive.finish()
        return archive.offset
    }

    /// The bytes before an entry's data.
    package mutating func begin(_ entry: ZipEntry) -> Data {
        current = Written(entry: entry, offset: offset, checksum: 0)
        checksum = CyclicChecksum(.crc32)
        count = 0
        var bytes = Data()
        bytes.append32(0x0403_4b50)
        bytes.appendCommon(entry)
        bytes.append32(0)
        // Sizes are told in the descriptor; the Zip64 field says that they take eight bytes there.
        bytes.append32(entry.isLarge ? 0xffff_ffff : 0)
        bytes.append32(entry.isLarge ? 0xffff_ffff : 0)
        bytes.append16(UInt16(entry.name.utf8.count))
        bytes.append16(entry.isLarge ? 20 : 0)
        bytes.append(contentsOf: entry.name.utf8)
        if entry.isLarge {
            bytes.append16(1)
            bytes.append16(16)
            bytes.append64(0)
            bytes.append64(0)
        }
        return counted(bytes)
    }

    /// Takes note of the entry's next bytes, which the caller sends.
    package mutating func add(_ data: Data) { data.withUnsafeBytes { add($0) } }

    /// The same for bytes in a buffer of somebody else.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        checksum.update(bytes)
        count += bytes.count
        offset += bytes.count
    }

    /// The bytes after an entry's data.
    package mutating func finishEntry() throws -> Data {
        guard let entry = current?.entry, entry.size == count else {
            throw WrongSize(
                description: "\(current?.entry.name ?? "?") has \(count) bytes and not \(current?.entry.size ?? 0)")
        }
        return endEntry()
    }

    private mutating func endEntry() -> Data {
        guard var entry = current else { return Data() }
        entry.checksum = UInt32(truncatingIfNeeded: checksum.value)
        written.append(entry)
        current = nil
        var bytes = Data()
        bytes.append32(0x0807_4b50)
        bytes.append32(entry.checksum)
        for _ in 0..<2 {
            if entry.entry.isLarge { bytes.append64(entry.entry.size) } else { bytes.append32(entry.entry.size) }
        }
        return counted(bytes)
    }

    /// The archive's directory and end.
    package mutating func finish() -> Data {
        let start = offset
        var bytes = Data()
        for entry in written { bytes.append(directoryEntry(entry)) }
        let size = bytes.count
        let isLarge = start >= 0xffff_ffff || size >= 0xffff_ffff || written.count >= 0xffff
        if isLarge {
            let end = start + size
            bytes.append32(0x0606_4b50)
            bytes.append64(44)
            bytes.append16(45)
            bytes.append16(45)
            bytes.append32(0)
            bytes.append32(0)
            bytes.append64(written.count)
            bytes.append64(written.count)
            bytes.append64(size)
            bytes.append64(start)
            bytes.append32(0x0706_4b50)
            bytes.append32(0)
            bytes.append64(end)
            bytes.append32(1)
        }
        bytes.append32(0x0605_4b50)
        bytes.append32(0)
        bytes.append16(UInt16(min(written.count, 0xffff)))
        bytes.append16(UInt16(min(written.count, 0xffff)))
        bytes.append32(min(size, 0xffff_ffff))
        bytes.append32(min(start, 0xffff_ffff))
        bytes.append16(0)
        return counted(bytes)
    }

    private func directoryEntry(_ written: Written) -> Data {
        let entry = written.entry
        var extra = Data()
        if entry.isLarge {
            extra.append64(entry.size)
            extra.append64(entry.size)
        }
        if written.offset >= 0xffff_ffff { extra.append64(written.offset) }
        var bytes = Data()
        bytes.append32(0x0201_4b50)
        bytes.append16(3 << 8 | 45)
        bytes.appendCommon(entry)
        bytes.append32(written.checksum)
        bytes.append32(min(entry.size, 0xffff_ffff))
        bytes.append32(min(entry.size, 0xffff_ffff))
        bytes.append16(UInt16(entry.name.utf8.count))
        bytes.append16(extra.isEmpty ? 0 : UInt16(extra.count + 4))
        bytes.append16(0)
        bytes.append16(0)
        bytes.append16(0)
        bytes.append32(0o100644 << 16)
        bytes.append32(min(written.offset, 0xffff_ffff))
        bytes.append(contentsOf: entry.name.utf8)
        if !extra.isEmpty {
            bytes.append16(1)
            bytes.append16(UInt16(extra.count))
            bytes.append(extra)
        }
        return bytes
    }

    private mutating func counted(_ bytes: Data) -> Data {
        offset += bytes.count
        return bytes
    }
}

/// The little-endian fields of zip headers.
extension Data {
    /// Version, flags (sizes follow, name in UTF-8), method (stored), time and date: the same in both headers.
    mutating func appendCommon(_ entry: ZipEntry) {
        append16(entry.isLarge ? 45 : 20)
        append16(1 << 3 | 1 << 11)
        append16(0)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let time = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: entry.modified)
        append16(UInt16((time.hour ?? 0) << 11 | (time.minute ?? 0) << 5 | (time.second ?? 0) / 2))
        append16(
            UInt16(
                Swift.min(127, Swift.max(0, (time.year ?? 1980) - 1980)) << 9 | (time.month ?? 1) << 5 | (time.day ?? 1)
            ))
    }

    mutating func append16(_ value: UInt16) { appendBytes(of: value.littleEndian) }
    mutating func append32(_ value: UInt32) { appendBytes(of: value.littleEndian) }
    mutating func append32(_ value: Int) { append32(UInt32(value)) }
    mutating func append64(_ value: Int) { appendBytes(of: UInt64(value).littleEndian) }

    private mutating func appendBytes(of value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }
}
