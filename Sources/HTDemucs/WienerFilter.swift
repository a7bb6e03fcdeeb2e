import Tensors

/// What a model without complex channels does with its magnitudes: they get the mixture's phases and, with iterations,
/// the multichannel Wiener filter of Open-Unmix (source: `HTDemucs._mask`; `wiener.py`, `wiener` and
/// `expectation_maximization`).
///
/// Each iteration models a source in a bin as variance(frame) · spatial covariance(bin), both taken from the current
/// estimate, and estimates it anew as its share of the mixture. Double precision, since the covariances of nearly
/// monaural audio are nearly singular. Where the mixture is exactly zero it stays zero (`wiener.py` puts 1 there).
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
    func apply(
        mixture: Bands, magnitudes: Bands, gain: Double, offset: Double, to out: Bands, pass: Pass
    ) throws {
        let bins = mixture.count
        let peaks = try pass.numbers(bins)
        defer { pass.release(peaks) }
        var start = 0
        while start < mixture.columns {
            let frames = start..<min(mixture.columns, start + Self.window)
            try pass.parallel(bins) { bin, _ in peaks[bin] = peak(mixture[bin].slice(columns: frames)) }
            var scale = 1.0
            pass.serial {
                let loudest = UnsafeBufferPointer(start: peaks, count: bins).max() ?? 0
                scale = max(1, Double(loudest).squareRoot() / Self.loudest)
            }
            try pass.parallel(bins) { bin, _ in
                let x = mixture[bin].slice(columns: frames)
                let y = out[bin].slice(columns: frames)
                takePhases(
                    x, magnitudes: magnitudes[bin].slice(columns: frames), gain: Float(gain), offset: Float(offset),
                    to: y)
                for _ in 0..<max(0, iterations) { iterate(x, y, scale: scale) }
            }
            start = frames.upperBound
        }
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
        for channel in 0..<channels {
            let (real, imaginary) = (x.row(2 * channel), x.row(2 * channel + 1))
            for row in stride(from: channel, to: magnitudes.rows, by: channels) {
                let magnitude = magnitudes.row(row)
                let (toReal, toImaginary) = (y.row(2 * row), y.row(2 * row + 1))
                for t in 0..<x.columns {
                    let length = (real[t] * real[t] + imaginary[t] * imaginary[t]).squareRoot()
                    let factor = length > 0 ? (magnitude[t] * gain + offset) / length : 0
                    toReal[t] = real[t] * factor
                    toImaginary[t] = imaginary[t] * factor
                }
            }
        }
    }

    /// One round over the frames of a bin; `y` holds the estimates before and after.
    private func iterate(_ x: Plane, _ y: Plane, scale: Double) {
        let unit = 1 / (scale * scale)
        withUnsafeTemporaryAllocation(of: Covariance.self, capacity: sources) { spatial in
            for source in 0..<sources {
                var sum = Covariance()
                for t in 0..<y.columns { sum.add(estimate(y, source, frame: t), weight: unit) }
                // The mean over channels of what is on the diagonal.
                spatial[source] = sum.scaled(by: 1 / (sum.trace / Double(channels) + Self.epsilon))
            }
            for t in 0..<y.columns {
                let mixture = estimate(x, 0, frame: t)
                var covariance = Covariance(regularisation: Self.regularisation, channels: channels)
                for source in 0..<sources {
                    covariance.add(spatial[source], weight: variance(y, source, frame: t) * unit)
                }
                let whitened = covariance.solve(mixture)
                for source in 0..<sources {
                    let weight = variance(y, source, frame: t) * unit
                    set(y, source, frame: t, spatial[source].applied(to: whitened).scaled(by: weight))
                }
            }
        }
    }

    /// Mean power of a source over the channels.
    @inline(__always)
    private func variance(_ y: Plane, _ source: Int, frame: Int) -> Double {
        estimate(y, source, frame: frame).power / Double(channels)
    }

    @inline(__always)
    private func estimate(_ y: Plane, _ source: Int, frame: Int) -> ChannelPair {
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
