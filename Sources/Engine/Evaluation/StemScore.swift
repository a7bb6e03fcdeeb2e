import Audio
import Foundation

/// How close a separated stem comes to the true one.
public struct StemScore: Sendable, Equatable {
    /// The global signal-to-distortion ratio of the Music Demixing Challenge in dB,
    /// `10 log10(Σ s² / Σ (s − ŝ)²)` over all samples of all channels; `nil` when the true stem is silent.
    public let sdr: Double?
    /// The scale-invariant ratio in dB (Le Roux et al., 2019), which forgives a wrong gain; `nil` when the true stem is
    /// silent.
    public let scaleInvariantSDR: Double?
    /// The frames that were compared.
    public let frames: Int

    /// Compares two files at 44.1 kHz in stereo, in memory that does not grow with their length.
    ///
    /// Where one file is longer, the other counts as silent there.
    ///
    /// - Throws: `AudioError` when a file cannot be read.
    public init(estimate: URL, truth: URL) throws {
        let (rate, channels) = (44_100, 2)
        let readers = (
            try AudioReader(estimate, sampleRate: rate, channels: channels),
            try AudioReader(truth, sampleRate: rate, channels: channels)
        )
        var blocks = ([Float](repeating: 0, count: 1 << 15), [Float](repeating: 0, count: 1 << 15))
        var sums = Sums()
        var frames = 0
        while true {
            let read = (
                try blocks.0.withUnsafeMutableBufferPointer { try readers.0.read(into: $0) },
                try blocks.1.withUnsafeMutableBufferPointer { try readers.1.read(into: $0) }
            )
            let longest = max(read.0, read.1)
            if longest == 0 { break }
            for index in 0..<(longest * channels) {
                sums.add(
                    estimate: index < read.0 * channels ? Double(blocks.0[index]) : 0,
                    truth: index < read.1 * channels ? Double(blocks.1[index]) : 0)
            }
            frames += longest
        }
        self.frames = frames
        let isSilent = sums.truth / Double(max(1, frames * channels)) < 1e-8
        sdr = isSilent ? nil : sums.ratio
        scaleInvariantSDR = isSilent ? nil : sums.scaleInvariantRatio
    }

    /// The sums that both ratios are made of.
    private struct Sums {
        var truth = 0.0
        var estimate = 0.0
        var product = 0.0
        var error = 0.0

        mutating func add(estimate: Double, truth: Double) {
            self.truth += truth * truth
            self.estimate += estimate * estimate
            product += truth * estimate
            error += (truth - estimate) * (truth - estimate)
        }

        var ratio: Double { 10 * log10(truth / (error + 1e-12)) }

        var scaleInvariantRatio: Double {
            // The estimate's projection on the truth, and what is left of it.
            let target = product * product / truth
            return 10 * log10((target + 1e-12) / (max(0, estimate - target) + 1e-12))
        }
    }
}
