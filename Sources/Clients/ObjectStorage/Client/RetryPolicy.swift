/// How often, and how long apart, a request is tried again after a transient failure.
public struct RetryPolicy: Sendable, Equatable {
    /// How often a request is sent at most.
    public var attempts: Int
    /// The longest wait before the second attempt; it doubles from attempt to attempt.
    public var base: Duration
    /// The longest wait at all.
    public var cap: Duration

    /// Five attempts with waits of up to 100 ms, 200 ms, 400 ms and 800 ms, unless told.
    public init(attempts: Int = 5, base: Duration = .milliseconds(100), cap: Duration = .seconds(5)) {
        self.attempts = attempts
        self.base = base
        self.cap = cap
    }

    /// The wait after failure number `attempt` (from 1): somewhere between half and all of the doubled base, so that clients
    /// that failed together do not come back together.
    package func delay(after attempt: Int, random: Double = .random(in: 0.5...1)) -> Duration {
        let doubled = base * (1 << min(attempt - 1, 20))
        return min(doubled, cap) * random
    }
}
