import ServiceContract

/// A reply.
package enum RedisValue: Sendable, Equatable {
    /// Nothing.
    case null
    /// A number.
    case integer(Int64)
    /// A string of bytes, or a status such as `OK`.
    case bytes([UInt8])
    /// Several replies.
    case array([RedisValue])

    /// The text of a string (with U+FFFD for what is not UTF-8) or number.
    package var string: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): String(number)
        case .null, .array: nil
        }
    }

    /// A number, or a string that spells one.
    package var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes: string.flatMap { Int64($0) }
        case .null, .array: nil
        }
    }

    /// The elements; none of a null.
    package var array: [RedisValue]? {
        switch self {
        case .array(let values): values
        case .null: []
        case .bytes, .integer: nil
        }
    }

    /// Field and value in turn, as `HGETALL` answers.
    package var pairs: [String: String]? {
        guard let array, array.count.isMultiple(of: 2) else { return nil }
        var result: [String: String] = [:]
        for index in stride(from: 0, to: array.count, by: 2) {
            guard let name = array[index].string, let value = array[index + 1].string else { return nil }
            result[name] = value
        }
        return result
    }
}

/// One argument of a command: any bytes.
package struct RedisArgument: Sendable, ExpressibleByStringLiteral {
    let bytes: [UInt8]

    /// A literal.
    package init(stringLiteral value: String) { bytes = Array(value.utf8) }
    /// Text as UTF-8.
    package init(_ text: String) { bytes = Array(text.utf8) }
    /// Bytes as they are.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// A number in decimal.
    package init(_ number: some BinaryInteger) { self.init(String(number)) }
    /// A number that `tonumber` of Lua reads back.
    package init(_ number: Double) { self.init(String(number)) }
    /// A job's id.
    package init(_ id: JobID) { self.init(id.description) }
}
