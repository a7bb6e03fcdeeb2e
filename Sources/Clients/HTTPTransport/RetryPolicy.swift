public import Pacing

/// When a call that failed for a passing reason is made again: after a ``Backoff``'s pauses, or after the server's `Retry-After`
/// if that is longer.
public struct RetryPolicy: Sendable {
    /// How often the call is made in all, and how long apart.
    public var backoff: Backoff
    /// The longest pause that the server may ask for; beyond it the call fails.
    public var longestRetryAfter: Duration

    /// Scatters the pauses.
    package var generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    /// Four attempts with pauses from 0.2 s up to 5 s, and up to 10 s where the server asks, unless told.
    public init(
        attempts: Int = 4, first: Duration = .milliseconds(200), longest: Duration = .seconds(5),
        longestRetryAfter: Duration = .seconds(10)
    ) {
        backoff = Backoff(attempts: attempts, first: first, longest: longest)
        self.longestRetryAfter = longestRetryAfter
    }

    /// One attempt.
    public static var never: RetryPolicy { RetryPolicy(attempts: 1) }

    /// This policy without an end, as a watch has it.
    package var forever: RetryPolicy {
        var policy = self
        policy.backoff.attempts = .max
        return policy
    }

    /// The pauses between the attempts of one call.
    public var pauses: Pauses { Pauses(own: backoff.pauses(using: generator), longestRetryAfter: longestRetryAfter) }

    /// The pauses between the attempts of one call, as a sequence.
    public struct Pauses: Sequence, IteratorProtocol, Sendable {
        fileprivate var own: Backoff.Pauses
        fileprivate let longestRetryAfter: Duration

        /// The pause before the next attempt; `nil` when there is to be none.
        public mutating func next() -> Duration? { next(retryAfter: nil) }

        /// The same where the server asks for a pause.
        public mutating func next(retryAfter: Duration?) -> Duration? {
            guard let pause = own.next(), retryAfter ?? .zero <= longestRetryAfter else { return nil }
            return Swift.max(pause, retryAfter ?? .zero)
        }
    }
}
