import Foundation

/// An open connection, for one thread at a time. Every call blocks until the reply is there or its time is over. After an
/// error that ends the connection the value is of no more use.
final class RedisConnection {
    private let stream: any RedisStream
    private let reader: RedisReplyReader
    private let timeout: Duration
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)

    /// Connects, authenticates and selects the database.
    ///
    /// - Parameters:
    ///   - connectTimeout: for the TCP connection, and once more for the TLS handshake.
    ///   - timeout: for each of the commands that follow.
    init(to address: RedisAddress, connectTimeout: Duration, timeout: Duration) throws(RedisError) {
        Self.blockBrokenPipeSignal()
        let socket = try RedisSocket(to: address, timeout: connectTimeout)
        stream =
            address.tls.isOn ? try RedisTLSStream(over: socket, to: address, until: .now + connectTimeout) : socket
        reader = try RedisReplyReader()
        self.timeout = timeout
        try introduce(address)
    }

    deinit { buffer.deallocate() }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter longerThan: time that the command itself blocks on the server, added to the timeout.
    /// - Throws: an error reply as ``RedisError``, or what happened to the connection.
    func send(_ arguments: [RedisArgument], blocking longerThan: Duration = .zero) throws(RedisError) -> RedisValue {
        let limit = timeout + longerThan
        let deadline = ContinuousClock.now + limit
        do throws(RedisError) {
            try stream.write(Self.encoded(arguments), until: deadline)
            while true {
                if let reply = try reader.next() { return reply }
                let count = try stream.read(into: buffer, until: deadline)
                guard count > 0 else { throw RedisError.connectionLost(reason: "the server closed it") }
                try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        } catch {
            if case .timedOut = error { throw .timedOut(milliseconds: limit.milliseconds) }
            throw error
        }
    }

    private func introduce(_ address: RedisAddress) throws(RedisError) {
        if let password = address.password {
            let user = address.user.map { [RedisArgument($0)] } ?? []
            _ = try send(["AUTH"] + user + [RedisArgument(password)])
        }
        if address.database != 0 { _ = try send(["SELECT", RedisArgument(address.database)]) }
    }

    /// The command as an array of strings with their lengths, so that an argument may hold any bytes (RESP 2).
    private static func encoded(_ arguments: [RedisArgument]) -> [UInt8] {
        var bytes = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            bytes += Array("$\(argument.bytes.count)\r\n".utf8)
            bytes += argument.bytes
            bytes += [0x0d, 0x0a]
        }
        return bytes
    }

    /// OpenSSL writes without `MSG_NOSIGNAL`, so that a connection the server has closed would end the process. The
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
