import ServiceContract

/// The rules of a queue. Everybody who uses one Redis should have the same ones.
public struct QueueOptions: Sendable, Equatable {
    /// How long a lease lasts without being renewed.
    public var lease: Duration
    /// How often work on a job is begun before it is dead.
    public var maxAttempts: Int
    /// How long a job that is done, failed or cancelled is remembered.
    public var retention: Duration
    /// About how many events the log keeps.
    public var eventCap: Int
    /// How many jobs ``JobQueue/recent(limit:)`` can look back.
    public var recentCap: Int
    /// How many connections serve the commands that do not block.
    public var connections: Int
    /// How long to wait for Redis.
    public var timeouts: RedisTimeouts

    /// The usual rules: a lease of 30 s, 3 attempts, 7 days, 10,000 events, 10,000 jobs.
    public init(
        lease: Duration = .seconds(30), maxAttempts: Int = 3, retention: Duration = .seconds(7 * 24 * 3600),
        eventCap: Int = 10_000, recentCap: Int = 10_000, connections: Int = 2, timeouts: RedisTimeouts = .init()
    ) {
        self.lease = lease
        self.maxAttempts = maxAttempts
        self.retention = retention
        self.eventCap = eventCap
        self.recentCap = recentCap
        self.connections = connections
        self.timeouts = timeouts
    }

    /// The usual rules with what the environment says: `MSAAS_LEASE_SECONDS`, `MSAAS_MAX_ATTEMPTS` and
    /// `MSAAS_RETENTION_DAYS`.
    ///
    /// - Throws: ``InvalidOption`` for a value out of bounds, named by its variable.
    public init(environment: [String: String]) throws(InvalidOption) {
        self.init()
        if let seconds = try environment.number("MSAAS_LEASE_SECONDS", within: 1...86_400) {
            lease = .milliseconds(Int64(seconds * 1000))
        }
        if let attempts = try environment.number("MSAAS_MAX_ATTEMPTS", within: 1...100) {
            maxAttempts = Int(attempts)
        }
        if let days = try environment.number("MSAAS_RETENTION_DAYS", within: 0.001...3650) {
            retention = .milliseconds(Int64(days * 86_400_000))
        }
    }

    var scripts: ScriptSettings {
        ScriptSettings(
            lease: lease, maxAttempts: maxAttempts, retention: retention, eventCap: eventCap, recentCap: recentCap)
    }
}
