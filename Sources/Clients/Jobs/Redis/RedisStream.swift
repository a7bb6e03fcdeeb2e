import CHiredis
import Foundation

/// Bytes to and from Redis; every call ends by its deadline.
protocol RedisStream: AnyObject {
    /// Sends all bytes.
    func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(RedisError)

    /// Receives at least one byte and returns how many; 0 when the server has closed the connection.
    func read(into buffer: UnsafeMutableRawBufferPointer, until deadline: ContinuousClock.Instant) throws(RedisError)
        -> Int
}

/// A TCP connection: the one owner of a `redisContext`, which is used for nothing else but connecting.
final class RedisSocket: RedisStream {
    private let context: UnsafeMutablePointer<redisContext>

    /// The socket, which does not block.
    var descriptor: Int32 { context.pointee.fd }

    /// Connects.
    ///
    /// - Throws: ``RedisError/unreachable(address:reason:)``
    init(to address: RedisAddress, timeout: Duration) throws(RedisError) {
        guard let context = redisConnectWithTimeout(address.host, Int32(clamping: address.port), timeout.timeval)
        else { throw .unreachable(address: address.description, reason: "no memory for a connection") }
        self.context = context
        guard context.pointee.err == 0 else {
            let text = withUnsafeBytes(of: &context.pointee.errstr) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw .unreachable(address: address.description, reason: text)
        }
        redisEnableKeepAlive(context)
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            throw .unreachable(address: address.description, reason: String(cString: strerror(errno)))
        }
    }

    deinit { redisFree(context) }

    func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(RedisError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { sent += count } else { try goOn(after: errno, for: POLLOUT, until: deadline) }
        }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, until deadline: ContinuousClock.Instant
    ) throws(RedisError) -> Int {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count >= 0 { return count }
            try goOn(after: errno, for: POLLIN, until: deadline)
        }
    }

    /// Waits until the socket can be read from or written to.
    ///
    /// - Parameter events: `POLLIN` or `POLLOUT`.
    func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(RedisError) {
        while true {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw .timedOut(milliseconds: 0) }
            var descriptor = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&descriptor, 1, Int32(clamping: left.milliseconds + 1))
            if count > 0 { return }
            if count < 0, errno != EINTR { throw .connectionLost(reason: String(cString: strerror(errno))) }
        }
    }

    private func goOn(after code: Int32, for events: Int32, until deadline: ContinuousClock.Instant) throws(RedisError)
    {
        switch code {
        case EINTR: break
        case EAGAIN: try wait(for: events, until: deadline)
        default: throw .connectionLost(reason: String(cString: strerror(code)))
        }
    }
}
