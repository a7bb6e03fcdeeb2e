import CHiredis
import Foundation

/// The one owner of a `redisContext`: an open connection, for one thread at a time. Every call blocks until the reply is
/// there or its time is over. After an error that ends the connection the value is of no more use.
final class RedisConnection {
    private let context: UnsafeMutablePointer<redisContext>
    private var timeout: Duration

    /// Connects, authenticates and selects the database.
    ///
    /// - Parameters:
    ///   - connectTimeout: for the TCP connection.
    ///   - timeout: for each of the commands that follow.
    init(to address: RedisAddress, connectTimeout: Duration, timeout: Duration) throws(RedisError) {
        Self.blockBrokenPipeSignal()
        guard let context = redisConnectWithTimeout(address.host, Int32(clamping: address.port), connectTimeout.timeval)
        else { throw .unreachable(address: address.description, reason: "no memory for a connection") }
        self.context = context
        self.timeout = timeout
        guard context.pointee.err == 0 else {
            throw .unreachable(address: address.description, reason: Self.errorText(context))
        }
        redisEnableKeepAlive(context)
        try setTimeout(timeout)
        try introduce(address)
    }

    deinit { redisFree(context) }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter longerThan: time that the command itself blocks on the server, added to the timeout.
    /// - Throws: an error reply as ``RedisError``, or what happened to the connection.
    func send(_ arguments: [RedisArgument], blocking longerThan: Duration = .zero) throws(RedisError) -> RedisValue {
        if longerThan > .zero { try setTimeout(timeout + longerThan) }
        let reply = command(arguments)
        guard let reply else { throw failure(within: timeout + longerThan) }
        defer { freeReplyObject(reply) }
        if longerThan > .zero { try setTimeout(timeout) }
        return try Self.value(of: reply)
    }

    private func introduce(_ address: RedisAddress) throws(RedisError) {
        if let password = address.password {
            let user = address.user.map { [RedisArgument($0)] } ?? []
            _ = try send(["AUTH"] + user + [RedisArgument(password)])
        }
        if address.database != 0 { _ = try send(["SELECT", RedisArgument(address.database)]) }
    }

    /// `redisCommandArgv` takes pointers and lengths, so that an argument may hold any bytes.
    private func command(_ arguments: [RedisArgument]) -> UnsafeMutablePointer<redisReply>? {
        let lengths = arguments.map(\.bytes.count)
        let bytes = arguments.flatMap(\.bytes) + [0]
        let reply = bytes.withUnsafeBytes { buffer -> UnsafeMutableRawPointer? in
            var next = buffer.baseAddress!.assumingMemoryBound(to: CChar.self)
            var pointers: [UnsafePointer<CChar>?] = []
            for length in lengths {
                pointers.append(next)
                next += length
            }
            return redisCommandArgv(context, Int32(pointers.count), &pointers, lengths)
        }
        return reply?.assumingMemoryBound(to: redisReply.self)
    }

    private func setTimeout(_ duration: Duration) throws(RedisError) {
        guard redisSetTimeout(context, duration.timeval) == REDIS_OK else {
            throw .connectionLost(reason: Self.errorText(context))
        }
    }

    /// What went wrong when hiredis has no reply to give.
    private func failure(within timeout: Duration) -> RedisError {
        let text = Self.errorText(context)
        switch context.pointee.err {
        case REDIS_ERR_IO where text == String(cString: strerror(EAGAIN)):
            return .timedOut(milliseconds: timeout.milliseconds)
        case REDIS_ERR_PROTOCOL: return .unexpectedReply(text)
        case REDIS_ERR_EOF: return .connectionLost(reason: "the server closed it")
        default: return .connectionLost(reason: text)
        }
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

    private static func errorText(_ context: UnsafeMutablePointer<redisContext>) -> String {
        withUnsafeBytes(of: &context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// hiredis writes without `MSG_NOSIGNAL`, so that a connection the server has closed would end the process. The
    /// signal is blocked on this thread alone: how the rest of the process treats it is not for a library to say.
    private static func blockBrokenPipeSignal() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

extension Duration {
    /// For C.
    var timeval: timeval {
        let (seconds, attoseconds) = components
        return Foundation.timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }

    /// Whole milliseconds.
    package var milliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
