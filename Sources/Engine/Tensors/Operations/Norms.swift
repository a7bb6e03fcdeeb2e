import CKernels

/// Normalisations. A group norm over more than the cache holds takes three steps: every piece of work adds the moments of
/// what it has, the moments of all pieces become a scale and a shift for each channel, and these are applied wherever the
/// values are next needed, together with an activation or a gate (``GroupNormRun``, ``ChannelScales``).

// MARK: - Group norm

/// x [C][T] → y [C][T], groups of C / G channels over all positions (torch `nn.GroupNorm`)
///
///     y[c][t] = (x[c][t] − mean(group of c)) / √(variance(group of c) + ε) · weight[c] + bias[c]
public struct GroupNorm: Sendable {
    /// Added to variances.
    public static let epsilon = 1e-5
    /// G
    public let groups: Int
    let weight: FloatMemory
    let bias: FloatMemory

    /// - Parameters:
    ///   - weight: [C]
    ///   - bias: [C]
    public init(groups: Int, weight: FloatMemory, bias: FloatMemory) {
        self.groups = groups
        self.weight = weight
        self.bias = bias
    }

    /// C
    public var channels: Int { weight.count }
    private var channelsInGroup: Int { channels / groups }

    /// Adds the sum and the sum of squares of each group to `moments`, which holds a pair for each.
    func add(_ x: Plane, to moments: UnsafeMutablePointer<Double>, kernels: Kernels) {
        for row in 0..<x.rows { kernels.moments(x.row(row), x.columns, moments + 2 * (row / channelsInGroup)) }
    }

    /// From moments over `positions` positions to scales and shifts.
    func settle(_ moments: UnsafePointer<Double>, positions: Int, into scales: ChannelScales) {
        let count = Double(channelsInGroup * positions)
        for group in 0..<groups {
            let mean = moments[2 * group] / count
            let variance = max(0, moments[2 * group + 1] / count - mean * mean)
            let deviation = 1 / (variance + Self.epsilon).squareRoot()
            for channel in group * channelsInGroup..<(group + 1) * channelsInGroup {
                let scale = Double(weight.base[channel]) * deviation
                scales.scale[channel] = Float(scale)
                scales.shift[channel] = Float(Double(bias.base[channel]) - mean * scale)
            }
        }
    }

    /// The whole norm of a plane that lies in the cache, as far as the scales.
    public func scales(of x: Plane, kernels: Kernels, scratch: inout Scratch) -> ChannelScales {
        let scales = ChannelScales(channels: channels, in: scratch.floats(2 * channels))
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * groups) { moments in
            guard let base = moments.baseAddress else { return }
            moments.initialize(repeating: 0)
            add(x, to: base, kernels: kernels)
            settle(base, positions: x.columns, into: scales)
        }
        return scales
    }

    /// Scratch that ``scales(of:kernels:scratch:)`` keeps.
    public var scratch: ScratchSize { .floats(2 * channels) }
}

extension GroupNorm {
    /// The definition, in double precision.
    package static func reference(_ x: [[Float]], groups: Int, weight: [Float], bias: [Float]) -> [[Double]] {
        let size = x.count / groups
        return x.indices.map { channel in
            let group = x[channel / size * size..<(channel / size + 1) * size].joined().map(Double.init)
            let mean = group.reduce(0, +) / Double(group.count)
            let variance = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(group.count)
            return x[channel].map {
                (Double($0) - mean) / (variance + epsilon).squareRoot() * Double(weight[channel])
                    + Double(bias[channel])
            }
        }
    }
}

/// One application of a group norm to a tensor that is worked on in pieces: the pieces ``add(_:piece:)`` their moments, each
/// in a place of its own; ``settle(positions:)`` adds them up in order, so that results do not depend on the number of
/// threads; then any piece is normalised, with what follows the norm, by ``apply(_:to:activation:)`` or
/// ``gate(_:onto:to:layerScale:)``.
public final class GroupNormRun {
    private let norm: GroupNorm
    private let kernels: Kernels
    private let moments: PieceMoments
    private let memory: UnsafeMutablePointer<Float>
    private let scales: ChannelScales

    /// For a norm whose input comes in `pieces` pieces.
    public init(_ norm: GroupNorm, pieces: Int, kernels: Kernels) {
        self.norm = norm
        self.kernels = kernels
        moments = PieceMoments(pieces: pieces, groups: norm.groups)
        memory = .allocate(capacity: 2 * norm.channels)
        scales = ChannelScales(channels: norm.channels, in: memory)
    }

    deinit { memory.deallocate() }

    /// Adds the part of the input that a piece has; all channels.
    public func add(_ x: Plane, piece: Int) { norm.add(x, to: moments[piece], kernels: kernels) }

    /// Once all pieces were added: what the norm does to each channel.
    ///
    /// - Parameter positions: positions in all pieces together
    public func settle(positions: Int) {
        norm.settle(moments.total(), positions: positions, into: scales)
    }

    /// y = act(norm(x)) for any part of the input; y may be x.
    public func apply(_ x: Plane, to y: Plane, activation: MSActivation = MSActivationNone) {
        scales.apply(x, to: y, activation: activation, kernels: kernels)
    }

    /// As ``ChannelScales/gate(_:onto:to:layerScale:kernels:)`` for any part of the input.
    public func gate(_ x: Plane, onto residual: Plane? = nil, to y: Plane, layerScale: FloatMemory? = nil) {
        scales.gate(x, onto: residual, to: y, layerScale: layerScale, kernels: kernels)
    }
}

/// Sums and sums of squares that several pieces of work collect, each in its own place.
public final class PieceMoments {
    private let pieces: Int
    private let width: Int
    private let values: UnsafeMutablePointer<Double>

    /// For `groups` pairs of sums in each piece.
    public init(pieces: Int, groups: Int = 1) {
        self.pieces = pieces
        width = 2 * groups
        values = .allocate(capacity: pieces * width)
        values.initialize(repeating: 0, count: pieces * width)
    }

    deinit { values.deallocate() }

    /// Where a piece adds its sums: for each group, that of the values and that of their squares.
    public subscript(_ piece: Int) -> UnsafeMutablePointer<Double> { values + piece * width }

    /// All pieces' sums, added up in order.
    public func total() -> [Double] {
        var result = [Double](repeating: 0, count: width)
        for piece in 0..<pieces {
            for index in 0..<width { result[index] += values[piece * width + index] }
        }
        return result
    }
}

// MARK: - Scales

/// A scale and a shift for each channel: what is left of a group norm once its moments are known. A view.
public struct ChannelScales {
    /// [C]
    let scale: UnsafeMutablePointer<Float>
    /// [C]
    let shift: UnsafeMutablePointer<Float>

    init(channels: Int, in memory: UnsafeMutablePointer<Float>) {
        scale = memory
        shift = memory + channels
    }

    /// y[c][t] = act(x[c][t] · scale[c] + shift[c]); y may be x.
    public func apply(_ x: Plane, to y: Plane, activation: MSActivation = MSActivationNone, kernels: Kernels) {
        for row in 0..<x.rows {
            kernels.affine(x.row(row), y.row(row), x.columns, scale[row], shift[row], activation)
        }
    }

    /// x [2·C][T] → y [C][T], the gated linear unit with LayerScale on top of a residual:
    ///
    ///     y[c] = residual[c] + layerScale[c] · (x[c]·scale[c] + shift[c]) · sigmoid(x[C + c]·scale[C + c] + shift[C + c])
    ///
    /// - Parameter residual: may be y; nil for none
    public func gate(
        _ x: Plane, onto residual: Plane? = nil, to y: Plane, layerScale: FloatMemory? = nil, kernels: Kernels
    ) {
        let channels = x.rows / 2
        for row in 0..<channels {
            kernels.gate(
                x.row(row), x.row(channels + row), residual?.row(row), y.row(row), x.columns, scale[row], shift[row],
                scale[channels + row], shift[channels + row], layerScale?.base[row] ?? 1)
        }
    }
}

// MARK: - Layer norm

/// x [C][T] → y [C][T], each position by itself (torch `nn.LayerNorm`)
///
///     y[c][t] = (x[c][t] − mean of x[·][t]) / √(variance of x[·][t] + ε) · weight[c] + bias[c]
public struct LayerNorm: Sendable {
    private let weight: FloatMemory
    private let bias: FloatMemory

    /// - Parameters:
    ///   - weight: [C]
    ///   - bias: [C]
    public init(weight: FloatMemory, bias: FloatMemory) {
        self.weight = weight
        self.bias = bias
    }

    /// y may be x.
    public func apply(_ x: Plane, to y: Plane, kernels: Kernels) {
        kernels.layerNorm(
            x.base, x.stride, y.base, y.stride, x.rows, x.columns, weight.base, bias.base, Float(GroupNorm.epsilon))
    }

    /// The definition, in double precision.
    package static func reference(_ x: [[Float]], weight: [Float], bias: [Float]) -> [[Double]] {
        var y = x.map { $0.map(Double.init) }
        for t in x[0].indices {
            let mean = y.reduce(0) { $0 + $1[t] } / Double(x.count)
            let variance = y.reduce(0) { $0 + ($1[t] - mean) * ($1[t] - mean) } / Double(x.count)
            for c in x.indices {
                y[c][t] =
                    (y[c][t] - mean) / (variance + GroupNorm.epsilon).squareRoot() * Double(weight[c])
                    + Double(bias[c])
            }
        }
        return y
    }
}
