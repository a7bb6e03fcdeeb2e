import Pacing
import Synchronization
import Threading

/// A session on a thread of its own, for callers that must not block. Commands run one after the other; a command that
/// meets a broken connection, a server that is loading, or a replica is tried again until the patience is over.
///
/// A command whose reply was lost may run twice: send only what can bear it.
package actor RedisClient {
    private nonisolated let thread: BlockingThread
    private let session: RedisSession
    private let patience: Duration

    /// Where the actor's work runs.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A client; it connects with the first command.
    init(address: RedisAddress, timeouts: RedisTimeouts, name: String = "redis", statement: RulesStatement? = nil) {
        thread = BlockingThread(name: name)
        session = RedisSession(address: address, timeouts: timeouts, statement: statement)
        patience = timeouts.patience
    }

    /// Sends one command and returns its reply.
    ///
    /// - Parameter longerThan: time that the command itself blocks on the server.
    package func send(_ arguments: [RedisArgument], blocking longerThan: Duration = .zero) async throws -> RedisValue {
        try await trying { () throws(RedisError) in try session.send(arguments, blocking: longerThan) }
    }

    /// Runs a script and returns its result.
    func run(_ call: ScriptCall) async throws -> RedisValue {
        try await trying { () throws(RedisError) in try session.run(call) }
    }

    private func trying(_ body: () throws(RedisError) -> RedisValue) async throws -> RedisValue {
        var pauses = Backoff(first: .milliseconds(50), longest: .seconds(2)).pauses(for: patience)
        while true {
            try Task.checkCancellation()
            do {
                return try body()
            } catch {
                guard error.isWorthRetryingNow, let pause = pauses.next() else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }
}

/// A few clients that take turns, so that one slow reply does not hold up everybody.
package final class RedisPool: Sendable {
    private let clients: [RedisClient]
    private let turn = Atomic<Int>(0)

    /// A pool of `size` clients; each connects when it is first used.
    init(address: RedisAddress, timeouts: RedisTimeouts, size: Int, statement: RulesStatement) {
        clients = (0..<max(size, 1)).map {
            RedisClient(address: address, timeouts: timeouts, name: "redis-\($0)", statement: statement)
        }
    }

    /// Whose turn it is.
    package var client: RedisClient {
        clients[abs(turn.wrappingAdd(1, ordering: .relaxed).oldValue % clients.count)]
    }

    /// Runs a script and returns its result.
    func run(_ call: ScriptCall) async throws -> RedisValue { try await client.run(call) }
}
