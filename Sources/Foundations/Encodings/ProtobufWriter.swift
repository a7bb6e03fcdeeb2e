/// Writes a message field by field in the wire format of Protocol Buffers.
///
/// For the few small messages that this project sends: generated code would bring a runtime that takes longer to build than
/// what uses it.
///
/// Source: Protocol Buffers documentation, "Encoding".
package struct ProtobufWriter: Sendable {
    /// What was written.
    package private(set) var data: [UInt8] = []

    private enum Wire: UInt64 { case varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 }

    /// An empty message.
    package init() {}

    /// A number in as many bytes as it needs; also a truth value and a case.
    package mutating func varint(_ field: UInt64, _ value: UInt64) {
        tag(field, .varint)
        raw(value)
    }

    /// A number of 64 bits; of a floating-point one its bit pattern.
    package mutating func fixed64(_ field: UInt64, _ value: UInt64) {
        tag(field, .fixed64)
        withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }

    /// A number of 32 bits.
    package mutating func fixed32(_ field: UInt64, _ value: UInt32) {
        tag(field, .fixed32)
        withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }

    /// Bytes with their length before them.
    package mutating func bytes(_ field: UInt64, _ value: some Collection<UInt8>) {
        tag(field, .bytes)
        raw(UInt64(value.count))
        data.append(contentsOf: value)
    }

    /// A text in UTF-8.
    package mutating func text(_ field: UInt64, _ value: String) { bytes(field, value.utf8) }

    /// A message within this one.
    package mutating func message(_ field: UInt64, _ fill: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        fill(&inner)
        bytes(field, inner.data)
    }

    private mutating func tag(_ field: UInt64, _ wire: Wire) { raw(field << 3 | wire.rawValue) }

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        data.append(UInt8(rest))
    }
}
