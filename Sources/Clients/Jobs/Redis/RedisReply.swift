import CHiredis
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

/// Takes replies out of the bytes that come in: the one owner of a `redisReader`.
package final class RedisReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)

    /// hiredis makes room for as many elements as a reply announces, before any of them is there. Ours have some thousands at most; what
    /// announces more than a million is none of them.
    private static let usualFunctions: redisReplyObjectFunctions? = {
        guard let reader = redisReaderCreate() else { return nil }
        defer { redisReaderFree(reader) }
        return reader.pointee.fn?.pointee
    }()

    /// At the beginning of a connection.
    package init() throws(RedisError) {
        guard let usual = Self.usualFunctions, let reader = redisReaderCreate() else {
            functions.deallocate()
            throw .connectionLost(reason: "no memory for a reader")
        }
        self.reader = reader
        functions.initialize(to: usual)
        functions.pointee.createArray = { task, count in
            count > 1 << 20 ? nil : RedisReplyReader.usualFunctions?.createArray(task, count)
        }
        reader.pointee.fn = functions
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
    }

    /// Adds bytes as they came.
    package func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        guard redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), bytes.count) == REDIS_OK else {
            throw failure
        }
    }

    /// The next reply; nil when more bytes are needed for it.
    ///
    /// - Throws: an error reply as the ``RedisError`` it stands for; ``RedisError/unexpectedReply(_:)`` for what is none.
    package func next() throws(RedisError) -> RedisValue? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw failure }
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        return try Self.value(of: object.assumingMemoryBound(to: redisReply.self))
    }

    private var failure: RedisError {
        reader.pointee.err == REDIS_ERR_OOM
            ? .unexpectedReply("a reply with more elements than there can be")
            : .unexpectedReply(
                withUnsafeBytes(of: &reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }

    private static func value(of reply: UnsafeMutablePointer<redisReply>) throws(RedisError) -> RedisValue {
        switch reply.pointee.type {
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_INTEGER: return .integer(Int64(reply.pointee.integer))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: return .bytes(bytes(of: reply))
        case REDIS_REPLY_ERROR: throw RedisError(reply: String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            var values: [RedisValue] = []
            values.reserveCapacity(reply.pointee.elements)
            for index in 0..<reply.pointee.elements {
                guard let element = reply.pointee.element[index] else { throw .unexpectedReply("an empty element") }
                values.append(try value(of: element))
            }
            return .array(values)
        case let type: throw .unexpectedReply("a reply of type \(type)")
        }
    }

    private static func bytes(of reply: UnsafeMutablePointer<redisReply>) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.len))
    }
}
