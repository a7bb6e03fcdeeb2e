import Tensors

/// What a model without complex channels does with its magnitudes: they get the mixture's phases and, with iterations,
/// the multichannel Wiener filter of Open-Unmix (source: `HTDemucs._mask`; `wiener.py`, `wiener` and
/// `expectation_maximization`).
///
/// Each iteration is a ``WienerRound``. A channel that is silent beside the other has no phase and stays silent, as do
/// both where nothing is heard (`wiener.py` puts 1 where the mixture is exactly zero).
struct WienerFilter {
    /// Rounds of estimation; none, or a negative number, leaves magnitudes with the mixture's phases.
    let iterations: Int
    let sources: Int
    /// Audio channels, 1 or 2.
    let channels: Int

    /// Frames that are filtered together (`wiener_win_len`).
    static let window = 300
    /// What the loudest value of the mixture is scaled down to.
    private static let loudest = 10.0
    /// Power of a channel, relative to all channels', below which it is the rounding of a transform of both.
    private static let silence: Float = 1e-12

    /// Magnitudes of a mixture, per bin, from real and imaginary parts in neighbouring rows.
    static func takeMagnitudes(of mixture: Bands, to magnitudes: Bands, pass: Pass) throws {
        try pass.parallel(magnitudes.count) { bin, _ in
            let (from, to) = (mixture[bin], magnitudes[bin])
            for channel in 0..<to.rows {
                let (real, imaginary, out) = (from.row(2 * channel), from.row(2 * channel + 1), to.row(channel))
                for t in 0..<to.columns { out[t] = (real[t] * real[t] + imaginary[t] * imaginary[t]).squareRoot() }
            }
        }
    }

    /// Sources' spectrograms from their magnitudes.
    ///
    /// - Parameters:
    ///   - mixture: per bin, real and imaginary part of each audio channel
    ///   - magnitudes: per bin, each audio channel of each source, before `gain` and `offset`
    ///   - out: per bin, real and imaginary part of each audio channel of each source
    func apply(mixture: Bands, magnitudes: Bands, gain: Float, offset: Float, to out: Bands, pass: Pass) throws {
        var start = 0
        while start < mixture.columns {
            let frames = start..<min(mixture.columns, start + Self.window)
            let scale = iterations > 0 ? try scale(mixture, frames: frames, pass: pass) : 1
            let round = WienerRound(sources: sources, channels: channels, unit: 1 / (scale * scale))
            let size = iterations > 0 ? round.scratch(pass.kernels, frames: frames.count) : .none
            try pass.parallel(mixture.count, scratch: size) { bin, scratch in
                let x = mixture[bin].slice(columns: frames)
                let y = out[bin].slice(columns: frames)
                takePhases(
                    x, magnitudes: magnitudes[bin].slice(columns: frames), gain: gain, offset: offset, to: y)
                for _ in 0..<max(0, iterations) { round.apply(x, y, kernels: pass.kernels, scratch: scratch) }
            }
            start = frames.upperBound
        }
    }

    /// What the mixture is divided by.
    private func scale(_ mixture: Bands, frames: Range<Int>, pass: Pass) throws -> Double {
        let peaks = try pass.numbers(mixture.count)
        defer { pass.release(peaks) }
        try pass.parallel(mixture.count) { bin, _ in peaks[bin] = peak(mixture[bin].slice(columns: frames)) }
        var loudest: Float = 0
        pass.serial { loudest = UnsafeBufferPointer(start: peaks, count: mixture.count).max() ?? 0 }
        return max(1, Double(loudest).squareRoot() / Self.loudest)
    }

    /// Largest squared magnitude.
    private func peak(_ x: Plane) -> Float {
        var peak: Float = 0
        for channel in 0..<channels {
            let (real, imaginary) = (x.row(2 * channel), x.row(2 * channel + 1))
            for t in 0..<x.columns { peak = max(peak, real[t] * real[t] + imaginary[t] * imaginary[t]) }
        }
        return peak
    }

    private func takePhases(_ x: Plane, magnitudes: Plane, gain: Float, offset: Float, to y: Plane) {
        // The reference keeps clear of zero only where it does not go on to filter.
        let clearance: Float = iterations < 0 ? 1e-8 : 0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: x.columns) { inverse in
            for channel in 0..<channels {
                let (real, imaginary) = (x.row(2 * channel), x.row(2 * channel + 1))
                let (otherReal, otherImaginary) = (x.row(x.rows - 2 - 2 * channel), x.row(x.rows - 1 - 2 * channel))
                for t in 0..<x.columns {
                    let power = real[t] * real[t] + imaginary[t] * imaginary[t]
                    let other = otherReal[t] * otherReal[t] + otherImaginary[t] * otherImaginary[t]
                    inverse[t] = power > Self.silence * other ? 1 / (power.squareRoot() + clearance) : 0
                }
                for row in stride(from: channel, to: magnitudes.rows, by: channels) {
                    let magnitude = magnitudes.row(row)
                    let (toReal, toImaginary) = (y.row(2 * row), y.row(2 * row + 1))
                    for t in 0..<x.columns {
                        let factor = (magnitude[t] * gain + offset) * inverse[t]
                        toReal[t] = real[t] * factor
                        toImaginary[t] = imaginary[t] * factor
                    }
                }
            }
        }
    }
}
