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
