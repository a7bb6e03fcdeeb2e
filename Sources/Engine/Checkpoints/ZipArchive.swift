/// The directory of a zip file whose records are stored without compression, as `torch.save` writes them.
///
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3 (records) and 4.5.3 (zip64 sizes).
struct ZipArchive {
    /// A record of the directory.
    private struct Entry {
        var method: UInt16
        var flags: UInt16
        var size: Int
        var storedSize: Int
        var header: Int
    }

    private let bytes: FileBytes
    private var entries: [String: Entry] = [:]

    /// Reads the central directory. Throws `CheckpointProblem`.
    init(_ bytes: FileBytes) throws {
        self.bytes = bytes
        let directory = try Self.directory(of: bytes)
        var cursor = ByteCursor(bytes, in: directory.range, subject: "the zip directory")
        guard directory.count <= directory.range.count / 46 else {
            throw CheckpointProblem.malformed("the zip directory is shorter than its number of records")
        }
        for _ in 0..<directory.count {
            let (name, entry) = try Self.entry(&cursor)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw CheckpointProblem.malformed("the zip directory names \(name) twice")
            }
        }
    }

    /// Names of all records.
    var names: some Sequence<String> { entries.keys }

    /// Where the record's bytes are in the file; nil when there is none of that name.
    func range(of name: String) throws -> Range<Int>? {
        guard let entry = entries[name] else { return nil }
        guard entry.flags & 1 == 0 else { throw CheckpointProblem.unsupported("its record \(name) is encrypted") }
        guard entry.method == 0 else {
            throw CheckpointProblem.unsupported("its record \(name) is compressed; write the file with torch.save")
        }
        guard entry.size == entry.storedSize else {
            throw CheckpointProblem.malformed("the record \(name) has two sizes")
        }
        let header = try bytes.range(entry.header, 30, "the header of record \(name)")
        var cursor = ByteCursor(bytes, in: header, subject: "the header of record \(name)")
        guard try cursor.integer(UInt32.self) == 0x0403_4b50 else {
            throw CheckpointProblem.malformed("the record \(name) is not where the zip directory says")
        }
        _ = try cursor.take(22)
        let nameLength = Int(try cursor.integer(UInt16.self))
        let extraLength = Int(try cursor.integer(UInt16.self))
        return try bytes.range(header.upperBound + nameLength + extraLength, entry.size, "the record \(name)")
    }
}

extension ZipArchive {
    /// Finds the central directory through the end record, and through the zip64 end record if there is one.
    private static func directory(of bytes: FileBytes) throws -> (range: Range<Int>, count: Int) {
        guard let end = endRecord(of: bytes) else {
            throw CheckpointProblem.malformed("it begins as a zip file but has no directory; it may be cut short")
        }
        var cursor = ByteCursor(bytes, in: end..<bytes.count, subject: "the end of the zip file")
        _ = try cursor.take(4)
        let disks = (try cursor.integer(UInt16.self), try cursor.integer(UInt16.self))
        _ = try cursor.integer(UInt16.self)
        var count = Int(try cursor.integer(UInt16.self))
        var size = Int(try cursor.integer(UInt32.self))
        var offset = Int(try cursor.integer(UInt32.self))
        if let locator = zip64Locator(of: bytes, before: end) {
            var cursor = ByteCursor(
                bytes, in: try bytes.range(locator, 56, "the zip64 directory"), subject: "the zip64 directory")
            guard try cursor.integer(UInt32.self) == 0x0606_4b50 else {
                throw CheckpointProblem.malformed("the zip64 directory is not where the file says")
            }
            _ = try cursor.take(28)
            count = try cursor.length64()
            size = try cursor.length64()
            offset = try cursor.length64()
        } else if disks != (0, 0) {
            throw CheckpointProblem.unsupported("it is a zip file in several parts")
        }
        return (try bytes.range(offset, size, "the zip directory"), count)
    }

    /// The offset of the end record, which is followed by a comment of at most 65,535 bytes.
    private static func endRecord(of bytes: FileBytes) -> Int? {
        guard bytes.count >= 22 else { return nil }
        let last = bytes.count - 22
        return (max(0, last - 0xffff)...last).reversed().first {
            bytes.buffer[$0] == 0x50
                && bytes.buffer.loadUnaligned(fromByteOffset: $0, as: UInt32.self) == UInt32(littleEndian: 0x0605_4b50)
                && UInt16(littleEndian: bytes.buffer.loadUnaligned(fromByteOffset: $0 + 20, as: UInt16.self))
                    == last - $0
        }
    }

    /// The offset of the zip64 end record, if a locator stands before the end record.
    private static func zip64Locator(of bytes: FileBytes, before end: Int) -> Int? {
        guard end >= 20 else { return nil }
        var cursor = ByteCursor(bytes, in: end - 20..<end, subject: "the zip64 locator")
        guard (try? cursor.integer(UInt32.self)) == 0x0706_4b50, (try? cursor.integer(UInt32.self)) != nil else {
            return nil
        }
        return (try? cursor.length64()) ?? .max
    }

    private static func entry(_ cursor: inout ByteCursor) throws -> (String, Entry) {
        guard try cursor.integer(UInt32.self) == 0x0201_4b50 else {
            throw CheckpointProblem.malformed("the zip directory is out of step")
        }
        _ = try cursor.take(4)
        let flags = try cursor.integer(UInt16.self)
        let method = try cursor.integer(UInt16.self)
        _ = try cursor.take(8)
        let storedSize = Int(try cursor.integer(UInt32.self))
        let size = Int(try cursor.integer(UInt32.self))
        let nameLength = Int(try cursor.integer(UInt16.self))
        let extraLength = Int(try cursor.integer(UInt16.self))
        let commentLength = Int(try cursor.integer(UInt16.self))
        _ = try cursor.take(8)
        let header = Int(try cursor.integer(UInt32.self))
        let name = try cursor.text(nameLength)
        var entry = Entry(method: method, flags: flags, size: size, storedSize: storedSize, header: header)
        let extra = cursor.position..<cursor.position + extraLength
        _ = try cursor.take(extraLength)
        try widen(&entry, with: ByteCursor(cursor.bytes, in: extra, subject: "the zip directory"))
        _ = try cursor.take(commentLength)
        return (name, entry)
    }

    /// Takes from the zip64 extra field the values whose 32-bit places are full.
    private static func widen(_ entry: inout Entry, with extra: ByteCursor) throws {
        var extra = extra
        let full = Int(UInt32.max)
        guard entry.size == full || entry.storedSize == full || entry.header == full else { return }
        while extra.remaining >= 4 {
            let tag = try extra.integer(UInt16.self)
            let length = Int(try extra.integer(UInt16.self))
            guard tag == 1 else {
                _ = try extra.take(length)
                continue
            }
            if entry.size == full { entry.size = try extra.length64() }
            if entry.storedSize == full { entry.storedSize = try extra.length64() }
            if entry.header == full { entry.header = try extra.length64() }
            return
        }
    }
}

/// Reads a range of bytes from front to back; going past its end is an error, never a crash.
struct ByteCursor {
    let bytes: FileBytes
    /// What is being read, for messages.
    let subject: String
    /// Where the next byte is read, from the start of the file.
    private(set) var position: Int
    /// The end of the range.
    let end: Int

    init(_ bytes: FileBytes, in range: Range<Int>, subject: String) {
        self.bytes = bytes
        self.subject = subject
        position = range.lowerBound
        end = range.upperBound
    }

    /// Bytes left.
    var remaining: Int { end - position }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else {
            throw CheckpointProblem.malformed("\(subject) ends before its time")
        }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes.buffer[position..<position + count])
    }

    /// The next little-endian integer.
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type = Value.self) throws -> Value {
        Value(littleEndian: try take(MemoryLayout<Value>.size).loadUnaligned(as: Value.self))
    }

    /// The next unsigned little-endian integer of 64 bits as an offset or a length.
    mutating func length64() throws -> Int {
        guard let value = Int(exactly: try integer(UInt64.self)) else {
            throw CheckpointProblem.malformed("\(subject) names an impossible length")
        }
        return value
    }

    /// The next `count` bytes as UTF-8.
    mutating func text(_ count: Int) throws -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw CheckpointProblem.malformed("\(subject) holds text that is not UTF-8")
        }
        return text
    }

    /// The bytes up to the next newline as UTF-8; the newline is read too.
    mutating func line() throws -> String {
        guard let length = bytes.buffer[position..<end].firstIndex(of: 0x0a).map({ $0 - position }) else {
            throw CheckpointProblem.malformed("\(subject) ends before its time")
        }
        defer { position += 1 }
        return try text(length)
    }
}
