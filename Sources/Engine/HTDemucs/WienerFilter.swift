import Tensors

/// What a model without complex channels does with its magnitudes: they get the mixture's phases and, with iterations,
/// the multichannel Wiener filter of Open-Unmix (source: `HTDemucs._mask`; `wiener.py`, `wiener` and
/// `expectation_maximization`).
///
/// Each iteration models a source in a bin as variance(frame) · spatial covariance(bin), both taken from the current
/// estimate, and estimates it anew as its share of the mixture. Double precision, since the covariances of nearly
/// monaural audio are nearly singular. A channel that is silent beside the other has no phase and stays silent, as do
/// both where nothing is heard (`wiener.py` puts 1 where the mixture is exactly zero).
struct WienerFilter {
    /// Rounds of estimation; none, or a negative number, leaves magnitudes with the mixture's phases.
    let iterations: Int
    let sources: Int
    /// Audio channels, 1 or 2.
    let channels: Int

    /// Frames that are filtered together (`wiener_win_len`).
    static let window = 300
    private static let epsilon = 1e-10
    private static let regularisation = 1e-5
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
            try pass.parallel(mixture.count) { bin, _ in
                let x = mixture[bin].slice(columns: frames)
                let y = out[bin].slice(columns: frames)
                takePhases(
                    x, magnitudes: magnitudes[bin].slice(columns: frames), gain: gain, offset: offset, to: y)
                for _ in 0..<max(0, iterations) { iterate(x, y, unit: 1 / (scale * scale)) }
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

    /// One round over the frames of a bin; `y` holds the estimates before and after, in units of 1 / √unit.
    private func iterate(_ x: Plane, _ y: Plane, unit: Double) {
        withUnsafeTemporaryAllocation(of: Covariance.self, capacity: sources) { spatial in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: sources * y.columns) { variances in
                let share = unit / Double(channels)
                for source in 0..<sources {
                    var sum = Covariance()
                    var total = Self.epsilon
                    for t in 0..<y.columns {
                        let estimate = value(y, source, frame: t)
                        sum.add(estimate, weight: unit)
                        variances[source * y.columns + t] = estimate.power * share
                        total += estimate.power * share
                    }
                    spatial[source] = sum.scaled(by: 1 / total)
                }
                for t in 0..<y.columns {
                    var covariance = Covariance(regularisation: Self.regularisation, channels: channels)
                    for source in 0..<sources {
                        covariance.add(spatial[source], weight: variances[source * y.columns + t])
                    }
                    let whitened = covariance.solve(value(x, 0, frame: t))
                    for source in 0..<sources {
                        let estimate = spatial[source].applied(to: whitened)
                        set(y, source, frame: t, estimate.scaled(by: variances[source * y.columns + t]))
                    }
                }
            }
        }
    }

    @inline(__always)
    private func value(_ y: Plane, _ source: Int, frame: Int) -> ChannelPair {
        let row = y.row(2 * channels * source) + frame
        let isStereo = channels == 2
        return ChannelPair(
            leftReal: Double(row[0]), leftImaginary: Double(row[y.stride]),
            rightReal: isStereo ? Double(row[2 * y.stride]) : 0,
            rightImaginary: isStereo ? Double(row[3 * y.stride]) : 0)
    }

    @inline(__always)
    private func set(_ y: Plane, _ source: Int, frame: Int, _ value: ChannelPair) {
        let row = y.row(2 * channels * source) + frame
        row[0] = Float(value.leftReal)
        row[y.stride] = Float(value.leftImaginary)
        guard channels == 2 else { return }
        row[2 * y.stride] = Float(value.rightReal)
        row[3 * y.stride] = Float(value.rightImaginary)
    }
}

/// A complex number for each of two channels; the second is zero in monaural audio.
struct ChannelPair {
    var leftReal, leftImaginary, rightReal, rightImaginary: Double

    var power: Double {
        leftReal * leftReal + leftImaginary * leftImaginary + rightReal * rightReal + rightImaginary * rightImaginary
    }

    func scaled(by factor: Double) -> ChannelPair {
        ChannelPair(
            leftReal: leftReal * factor, leftImaginary: leftImaginary * factor, rightReal: rightReal * factor,
            rightImaginary: rightImaginary * factor)
    }
}

/// A Hermitian matrix [[left, cross], [conj cross, right]].
struct Covariance {
    var left = 0.0
    var right = 0.0
    var crossReal = 0.0
    var crossImaginary = 0.0

    init() {}

    /// A multiple of the identity; with one channel the other's variance is 1, so that the matrix has an inverse.
    init(regularisation: Double, channels: Int) {
        left = regularisation
        right = channels == 2 ? regularisation : 1
    }

    /// Adds weight · z zᴴ.
    mutating func add(_ z: ChannelPair, weight: Double) {
        left += (z.leftReal * z.leftReal + z.leftImaginary * z.leftImaginary) * weight
        right += (z.rightReal * z.rightReal + z.rightImaginary * z.rightImaginary) * weight
        crossReal += (z.leftReal * z.rightReal + z.leftImaginary * z.rightImaginary) * weight
        crossImaginary += (z.leftImaginary * z.rightReal - z.leftReal * z.rightImaginary) * weight
    }

    mutating func add(_ other: Covariance, weight: Double) {
        left += other.left * weight
        right += other.right * weight
        crossReal += other.crossReal * weight
        crossImaginary += other.crossImaginary * weight
    }

    func scaled(by factor: Double) -> Covariance {
        var result = Covariance()
        result.add(self, weight: factor)
        return result
    }

    /// The product with a vector.
    func applied(to z: ChannelPair) -> ChannelPair {
        ChannelPair(
            leftReal: left * z.leftReal + crossReal * z.rightReal - crossImaginary * z.rightImaginary,
            leftImaginary: left * z.leftImaginary + crossReal * z.rightImaginary + crossImaginary * z.rightReal,
            rightReal: right * z.rightReal + crossReal * z.leftReal + crossImaginary * z.leftImaginary,
            rightImaginary: right * z.rightImaginary + crossReal * z.leftImaginary - crossImaginary * z.leftReal)
    }

    /// The product of the inverse with a vector.
    func solve(_ z: ChannelPair) -> ChannelPair {
        var adjugate = Covariance()
        (adjugate.left, adjugate.right) = (right, left)
        (adjugate.crossReal, adjugate.crossImaginary) = (-crossReal, -crossImaginary)
        let determinant = left * right - crossReal * crossReal - crossImaginary * crossImaginary
        return adjugate.applied(to: z).scaled(by: 1 / determinant)
    }
}
