/// How long to wait for Redis.
public struct RedisTimeouts: Sendable, Equatable {
    /// For a connection.
    public var connect: Duration
    /// For a reply.
    public var command: Duration
    /// How long a command is tried again, over new connections and with growing pauses, before its error is thrown.
    public var patience: Duration

    /// Timeouts for callers that would rather have an error than wait long.
    public init(connect: Duration = .seconds(2), command: Duration = .seconds(5), patience: Duration = .seconds(3)) {
        self.connect = connect
        self.command = command
        self.patience = patience
    }
}
