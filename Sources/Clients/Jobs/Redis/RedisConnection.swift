import Foundation
import Pacing

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

    /// Runs a script by its digest, or by its text where the server does not have it.
    func run(_ call: ScriptCall) throws(RedisError) -> RedisValue {
        do {
            return try send(["EVALSHA", RedisArgument(call.script.digest)] + call.parameters)
        } catch .noScript {
            return try send(["EVAL", RedisArgument(call.script.source)] + call.parameters)
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

/// A connection that is made when it is needed and made anew after it broke; for one thread at a time, blocking.
/// It tries every command once: when and how often to try again is the caller's decision.
///
/// A node of a cluster that has not got our keys says which one has, and the session goes there: all keys lie in one slot.
final class RedisSession {
    private let seed: RedisAddress
    private let timeouts: RedisTimeouts
    private let statement: RulesStatement?
    private var node: RedisAddress
    private var connection: RedisConnection?

    /// A session; with a statement it says with each connection by which rules the program goes.
    init(address: RedisAddress, timeouts: RedisTimeouts, statement: RulesStatement? = nil) {
        seed = address
        node = address
        self.timeouts = timeouts
        self.statement = statement
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter longerThan: time that the command itself blocks on the server.
    func send(_ arguments: [RedisArgument], blocking longerThan: Duration = .zero) throws(RedisError) -> RedisValue {
        try following { connection throws(RedisError) in try connection.send(arguments, blocking: longerThan) }
    }

    /// Runs a script by its digest, or by its text where the server does not have it.
    func run(_ call: ScriptCall) throws(RedisError) -> RedisValue {
        try following { connection throws(RedisError) in try connection.run(call) }
    }

    /// Does something on the node that has our keys.
    private func following(_ body: (RedisConnection) throws(RedisError) -> RedisValue) throws(RedisError) -> RedisValue
    {
        var hops = 0
        while true {
            do {
                return try body(connected())
            } catch .moved(let host, let port) where hops < 5 {
                hops += 1
                connection = nil
                if !host.isEmpty { node.host = host }
                node.port = port
            } catch {
                if error.endsConnection { (connection, node) = (nil, seed) }
                throw error
            }
        }
    }

    private func connected() throws(RedisError) -> RedisConnection {
        if let connection { return connection }
        let new = try RedisConnection(to: node, connectTimeout: timeouts.connect, timeout: timeouts.command)
        try statement?.state(over: new)
        connection = new
        return new
    }
}

extension Duration {
    /// For C.
    var timeval: timeval {
        let (seconds, attoseconds) = components
        return Foundation.timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
