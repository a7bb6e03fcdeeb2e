public import EnvironmentSettings
import Foundation
import ServiceContract

/// The queue of jobs in Redis, as upload, fetch, the workers and the autoscaler see it.
///
/// A claimed job is in somebody's hands until it is committed, failed or given back, or until its lease runs out; at
/// every moment it is in exactly one place. Calls of a claim that lost its lease change nothing. ``QueueKey`` draws the
/// whole machine and names the keys; the calls stand beside their scripts, by phase: Admission, Claiming, WorkInHand,
/// Endings, Upkeep, Looking.
///
/// It connects when it is first used, and again whenever a connection broke. Calls throw ``RedisError`` once Redis has
/// been away for longer than the patience in ``QueueOptions/timeouts``, and `CancellationError` when the task was
/// cancelled. Repeating a call whose reply was lost is harmless.
public struct RedisJobQueue: Sendable {
    /// The rules that are stated, and the connections.
    public let options: QueueOptions
    /// Where the queue is.
    public let address: RedisAddress
    /// Everything but waiting.
    package let pool: RedisPool
    /// The rules, as they are stated with the first connection.
    let statement: RulesStatement
    /// Waits for jobs.
    let claims: ClaimConnection

    /// A queue at `url` (see ``RedisAddress/init(_:)``).
    ///
    /// - Throws: `ConfigurationError` when it is no URL of a Redis.
    public init(url: String, options: QueueOptions = QueueOptions()) throws(ConfigurationError) {
        self.init(address: try RedisAddress(url), options: options)
    }

    /// A queue at `address`.
    public init(address: RedisAddress, options: QueueOptions = QueueOptions()) {
        self.options = options
        self.address = address
        statement = RulesStatement(options)
        pool = RedisPool(
            address: address, timeouts: options.timeouts, size: options.connections, statement: statement)
        claims = ClaimConnection(
            client: RedisClient(
                address: address, timeouts: options.timeouts, name: "redis-claim", statement: statement))
    }

    /// Whether Redis answers.
    ///
    /// - Throws: ``RedisError`` that says why not.
    public func ping() async throws { _ = try await pool.client.send(["PING"]) }

    /// The event log that this queue writes.
    public func eventLog() -> RedisEventLog { RedisEventLog(queue: self) }
}
