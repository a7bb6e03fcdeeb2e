import CHiredis

/// Takes replies out of the bytes that come in: the one owner of a `redisReader`.
package final class RedisReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>

    /// At the beginning of a connection.
    package init() throws(RedisError) {
        guard let reader = redisReaderCreate() else { throw .connectionLost(reason: "no memory for a reader") }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

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
        .unexpectedReply(
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
