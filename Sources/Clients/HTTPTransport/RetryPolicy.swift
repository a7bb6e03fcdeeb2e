/// When a call that failed for a passing reason is made again.
///
/// The pauses double from ``first`` up to ``longest``; each is then shortened by up to a half at random, so that clients
/// that failed together do not come back together. A `Retry-After` of the server is waited for if that is longer.
public struct RetryPolicy: Sendable {
    /// How often the call is made in all.
    public var attempts: Int
    /// The pause after the first failure.
    public var first: Duration
    /// The longest pause of our own.
    public var longest: Duration
    /// The longest pause that the server may ask for; beyond it the call fails.
    public var longestRetryAfter: Duration

    /// A number from 0 up to 1.
    package var random: @Sendable () -> Double = { .random(in: 0..<1) }
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    /// Four attempts with pauses from 0.2 s up to 5 s, and up to 10 s where the server asks, unless told.
    public init(
        attempts: Int = 4, first: Duration = .milliseconds(200), longest: Duration = .seconds(5),
        longestRetryAfter: Duration = .seconds(10)
    ) {
        self.attempts = attempts
        self.first = first
        self.longest = longest
        self.longestRetryAfter = longestRetryAfter
    }

    /// One attempt.
    public static var never: RetryPolicy { RetryPolicy(attempts: 1) }

    /// This policy without an end, as a watch has it.
    package var forever: RetryPolicy {
        var policy = self
        policy.attempts = .max
        return policy
    }

    /// The pause after failure number `failure`, from 1.
    package func delay(after failure: Int) -> Duration {
        let doubled = first * (1 << min(failure - 1, 20))
        return min(doubled, longest) * (1 - random() / 2)
    }

    /// The pauses between the attempts of one call.
    public var pauses: Pauses { Pauses(self) }

    /// The pauses between the attempts of one call, as a sequence.
    public struct Pauses: Sequence, IteratorProtocol, Sendable {
        private let policy: RetryPolicy
        private var failures = 0

        init(_ policy: RetryPolicy) { self.policy = policy }

        /// The pause before the next attempt; `nil` when there is to be none.
        public mutating func next() -> Duration? { next(retryAfter: nil) }

        /// The same where the server asks for a pause.
        public mutating func next(retryAfter: Duration?) -> Duration? {
            failures += 1
            guard failures < policy.attempts else { return nil }
            if let retryAfter, retryAfter > policy.longestRetryAfter { return nil }
            return Swift.max(policy.delay(after: failures), retryAfter ?? .zero)
        }
    }
}
