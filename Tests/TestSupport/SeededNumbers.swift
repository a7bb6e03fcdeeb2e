import Foundation

/// Random numbers that a seed repeats (SplitMix64).
public struct SeededNumbers: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The numbers of a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// The time until the next of events that come at random, on the mean after `mean`.
    public mutating func pause(mean: Duration) -> Duration {
        mean * -log(1 - Double.random(in: 0..<1, using: &self))
    }
}
