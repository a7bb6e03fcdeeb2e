import Tensors

/// Normalisation of groups of channels over all positions, with a weight and a bias a channel (torch `nn.GroupNorm`).
struct GroupNorm: Sendable {
    static let epsilon = 1e-5
    let groups: Int
    let weight: FloatMemory
    let bias: FloatMemory

    var channels: Int { weight.count }
    var channelsInGroup: Int { channels / groups }

    /// Numbers that ``coefficients(_:count:into:)`` writes.
    var coefficientCount: Int { 2 * channels }

    /// From each group's sum and sum of squares over `count` values to y = x · scale + shift for each channel.
    ///
    /// - Parameters:
    ///   - moments: sum and sum of squares, group after group
    ///   - count: values in a group
    ///   - result: all channels' scales, then all their shifts
    func coefficients(_ moments: UnsafePointer<Double>, count: Int, into result: UnsafeMutablePointer<Float>) {
        for group in 0..<groups {
            let mean = moments[2 * group] / Double(count)
            let variance = max(0, moments[2 * group + 1] / Double(count) - mean * mean)
            let deviation = 1 / (variance + Self.epsilon).squareRoot()
            for channel in group * channelsInGroup..<(group + 1) * channelsInGroup {
                let scale = Double(weight.base[channel]) * deviation
                result[channel] = Float(scale)
                result[channels + channel] = Float(Double(bias.base[channel]) - mean * scale)
            }
        }
    }

    /// Adds each group's sum and sum of squares of a block of positions.
    func add(_ plane: Plane, to moments: UnsafeMutablePointer<Double>, kernels: Kernels) {
        for row in 0..<plane.rows {
            kernels.moments(plane.row(row), plane.columns, moments + 2 * (row / channelsInGroup))
        }
    }
}

/// Sums that several pieces of work collect, each in its own place, added up in order so that results do not depend on
/// the number of threads.
final class PartialMoments {
    private let pieces: Int
    private let width: Int
    private let values: UnsafeMutablePointer<Double>

    init(pieces: Int, groups: Int) {
        self.pieces = pieces
        width = 2 * groups
        values = .allocate(capacity: pieces * 2 * groups)
        values.initialize(repeating: 0, count: pieces * 2 * groups)
    }

    deinit { values.deallocate() }

    /// Where a piece adds its sums.
    subscript(_ piece: Int) -> UnsafeMutablePointer<Double> { values + piece * width }

    /// All pieces' sums.
    func total() -> [Double] {
        var result = [Double](repeating: 0, count: width)
        for piece in 0..<pieces {
            for index in 0..<width { result[index] += values[piece * width + index] }
        }
        return result
    }
}
