/// One round of estimation of the multichannel Wiener filter of Open-Unmix in a bin (source: `wiener.py`,
/// `expectation_maximization`).
///
/// A source is modelled as variance(frame) · spatial covariance(bin), both taken from its current estimate, and is estimated
/// anew as its share of the mixture:
///
///     v[s][t] = unit · mean over channels |y[s][t]|²      R[s] = unit · Σt y[s][t] y[s][t]ᴴ / (ε + Σt v[s][t])
///     y[s][t] ← v[s][t] · R[s] · (δ + Σs v[s][t] R[s])⁻¹ · x[t]
///
/// Double precision, since the covariances of nearly monaural audio are nearly singular.
public struct WienerRound {
    private let sources: Int
    private let channels: Int
    private let unit: Double
    private static let epsilon = 1e-10
    private static let regularisation = 1e-5

    /// - Parameters:
    ///   - channels: 1 or 2
    ///   - unit: what squares of the mixture and of the estimates are multiplied with
    public init(sources: Int, channels: Int, unit: Double) {
        self.sources = sources
        self.channels = channels
        self.unit = unit
    }

    /// Scratch for the frames of a bin.
    public func scratch(_ kernels: Kernels, frames: Int) -> ScratchSize {
        .floats(kernels.wienerScratch(sources, frames))
    }

    /// - Parameters:
    ///   - x: the mixture, real and imaginary part of each channel
    ///   - y: the estimates before and after, the same rows of each source
    public func apply(_ x: Plane, _ y: Plane, kernels: Kernels, scratch: Scratch) {
        var scratch = scratch
        var round = MSWiener()
        round.mixture = UnsafePointer(x.base)
        round.mixtureStride = x.stride
        round.estimates = y.base
        round.estimateStride = y.stride
        (round.sources, round.channels, round.frames) = (sources, channels, y.columns)
        (round.unit, round.epsilon, round.regularisation) = (unit, Self.epsilon, Self.regularisation)
        round.scratch = scratch.floats(kernels.wienerScratch(sources, y.columns))
        kernels.wiener(&round)
    }
}

extension WienerRound {
    /// The definition, number by number.
    ///
    /// - Parameters:
    ///   - x: [2 · channels][frames]
    ///   - y: [sources · 2 · channels][frames]
    /// - Returns: what becomes of y
    package func reference(_ x: [[Float]], _ y: [[Float]]) -> [[Double]] {
        let frames = x[0].indices
        var result = y.map { $0.map { Double($0) } }
        var spatial = [Covariance](repeating: Covariance(), count: sources)
        var variances = [[Double]](repeating: [], count: sources)
        for source in 0..<sources {
            let share = unit / Double(channels)
            var sum = Covariance()
            for t in frames {
                let estimate = pair(y, 2 * channels * source, t)
                sum.add(estimate, weight: unit)
                variances[source].append(estimate.power * share)
            }
            spatial[source] = sum.scaled(by: 1 / (Self.epsilon + variances[source].reduce(0, +)))
        }
        for t in frames {
            var covariance = Covariance(regularisation: Self.regularisation, channels: channels)
            for source in 0..<sources { covariance.add(spatial[source], weight: variances[source][t]) }
            let whitened = covariance.solve(pair(x, 0, t))
            for source in 0..<sources {
                let estimate = spatial[source].applied(to: whitened).scaled(by: variances[source][t])
                let parts = [
                    estimate.leftReal, estimate.leftImaginary, estimate.rightReal, estimate.rightImaginary,
                ]
                for row in 0..<2 * channels { result[2 * channels * source + row][t] = parts[row] }
            }
        }
        return result
    }

    private func pair(_ rows: [[Float]], _ first: Int, _ t: Int) -> ChannelPair {
        let isStereo = channels == 2
        return ChannelPair(
            leftReal: Double(rows[first][t]), leftImaginary: Double(rows[first + 1][t]),
            rightReal: isStereo ? Double(rows[first + 2][t]) : 0,
            rightImaginary: isStereo ? Double(rows[first + 3][t]) : 0)
    }
}

/// A complex number for each of two channels; the second is zero in monaural audio.
private struct ChannelPair {
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
private struct Covariance {
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
