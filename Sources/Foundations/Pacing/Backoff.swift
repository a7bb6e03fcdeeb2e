/// How something that failed for a passing reason is tried again: pauses double from ``first`` up to ``longest``, and each is
/// shortened by up to a half at random, so that clients that failed together do not come back together.
public struct Backoff: Sendable, Equatable {
    /// How often it is tried in all.
    public var attempts: Int
    /// The longest pause after the first failure.
    public var first: Duration
    /// The longest pause at all.
    public var longest: Duration

    /// Without an end, unless told.
    public init(attempts: Int = .max, first: Duration, longest: Duration) {
        self.attempts = attempts
        self.first = first
        self.longest = longest
    }

    /// The pause after so many failures, from 1.
    public func pause(after failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let doubled = first * (1 << min(max(failures, 1) - 1, 20))
        return min(doubled, longest) * (1 - Double.random(in: 0..<1, using: &generator) / 2)
    }

    /// The pause after so many failures, from 1.
    public func pause(after failures: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return pause(after: failures, using: &generator)
    }

    /// The pauses between the attempts at one thing.
    ///
    /// - Parameter limit: how long it is tried at the most, beside ``attempts``; nil for as long as it takes.
    public func pauses(
        for limit: Duration? = nil,
        using generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) -> Pauses { Pauses(self, end: limit.map { ContinuousClock.now + $0 }, generator) }

    /// The pauses between the attempts at one thing, as a sequence.
    public struct Pauses: Sequence, IteratorProtocol, Sendable {
        private let backoff: Backoff
        private let end: ContinuousClock.Instant?
        private var generator: any RandomNumberGenerator & Sendable
        private var failures = 0

        fileprivate init(
            _ backoff: Backoff, end: ContinuousClock.Instant?, _ generator: any RandomNumberGenerator & Sendable
        ) {
            (self.backoff, self.end, self.generator) = (backoff, end, generator)
        }

        /// The pause before the next attempt; nil when there is to be none.
        public mutating func next() -> Duration? {
            failures += 1
            guard failures < backoff.attempts else { return nil }
            let pause = backoff.pause(after: failures, using: &generator)
            guard let end else { return pause }
            let left = end - ContinuousClock.now
            return left > .zero ? Swift.min(pause, left) : nil
        }

        /// Begins anew, after something has worked.
        public mutating func reset() { failures = 0 }
    }
}

/// Random numbers that are the same for the same seed, everywhere: SplitMix64 (Steele, Lea and Flood, 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Numbers that begin at `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
