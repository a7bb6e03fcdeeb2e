/// A connection that is made when it is needed and made anew after it broke; for one thread at a time, blocking.
/// It tries every command once: when and how often to try again is the caller's decision.
final class RedisSession {
    private let address: RedisAddress
    private let timeouts: RedisTimeouts
    private var connection: RedisConnection?

    init(address: RedisAddress, timeouts: RedisTimeouts) {
        self.address = address
        self.timeouts = timeouts
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Parameter longerThan: time that the command itself blocks on the server.
    func send(_ arguments: [RedisArgument], blocking longerThan: Duration = .zero) throws(RedisError) -> RedisValue {
        let connection = try connected()
        do {
            return try connection.send(arguments, blocking: longerThan)
        } catch {
            if error.endsConnection { self.connection = nil }
            throw error
        }
    }

    /// Runs a script by its digest, or by its text where the server does not have it.
    func run(_ call: ScriptCall) throws(RedisError) -> RedisValue {
        do {
            return try send(["EVALSHA", RedisArgument(call.script.digest)] + call.arguments)
        } catch .noScript {
            return try send(["EVAL", RedisArgument(call.script.source)] + call.arguments)
        }
    }

    /// Closes the connection; the next command makes a new one.
    func disconnect() { connection = nil }

    private func connected() throws(RedisError) -> RedisConnection {
        if let connection { return connection }
        let new = try RedisConnection(to: address, connectTimeout: timeouts.connect, timeout: timeouts.command)
        connection = new
        return new
    }
}
