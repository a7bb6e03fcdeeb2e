import Foundation

/// Always the same bits, where a test wants to know what chance does at its ends.
public struct Constant: RandomNumberGenerator, Sendable {
    private let bits: UInt64

    /// Nothing but `bits`.
    public init(bits: UInt64) { self.bits = bits }

    /// The same as before.
    public mutating func next() -> UInt64 { bits }
}

extension RandomNumberGenerator {
    /// The time until the next of events that come at random, on the mean after `mean`.
    public mutating func pause(mean: Duration) -> Duration {
        mean * -log(1 - Double.random(in: 0..<1, using: &self))
    }
}
