import Synchronization

/// A few clients that take turns, so that one slow reply does not hold up everybody.
package final class RedisPool: Sendable {
    private let clients: [RedisClient]
    private let turn = Atomic<Int>(0)

    /// A pool of `size` clients; each connects when it is first used.
    package init(address: RedisAddress, timeouts: RedisTimeouts, size: Int) {
        clients = (0..<max(size, 1)).map { RedisClient(address: address, timeouts: timeouts, name: "redis-\($0)") }
    }

    /// Whose turn it is.
    package var client: RedisClient {
        clients[abs(turn.wrappingAdd(1, ordering: .relaxed).oldValue % clients.count)]
    }

    /// Runs a script and returns its result.
    func run(_ call: ScriptCall) async throws -> RedisValue { try await client.run(call) }
}
