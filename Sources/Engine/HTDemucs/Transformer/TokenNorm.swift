import Tensors

/// A normalisation of tokens: each by itself (`nn.LayerNorm`) or groups of channels over all tokens (`MyGroupNorm`).
enum TokenNorm: Sendable {
    case layer(weight: FloatMemory, bias: FloatMemory)
    case group(GroupNorm)

    /// The norm of an encoder layer: groups where `t_group_norm` says so.
    init(_ weights: Weights, channels: Int, groups: Int) throws {
        if groups > 0 {
            guard channels.isMultiple(of: groups) else {
                throw ModelError.inconsistent(reason: "\(channels) channels are not divided by \(groups) groups")
            }
            self = .group(try weights.norm(groups: groups, channels: channels))
        } else {
            self = .layer(
                weight: FloatMemory(try weights.take("weight", [channels])),
                bias: FloatMemory(try weights.take("bias", [channels])))
        }
    }

    /// What must be known of all tokens before one can be normalised: a scale and a shift for each channel.
    /// To be returned with ``Pass/release(_:)-(UnsafeMutablePointer<Float>)``; nil for a layer norm.
    func prepare(_ tokens: Tokens, pass: Pass) throws -> UnsafeMutablePointer<Float>? {
        guard case .group(let norm) = self else { return nil }
        let kernels = pass.kernels
        let sums = PartialMoments(pieces: tokens.blocks, groups: norm.groups)
        try pass.parallel(tokens.blocks) { block, _ in norm.add(tokens[block], to: sums[block], kernels: kernels) }
        return try coefficients(norm, sums, tokens: tokens.count, pass: pass)
    }

    /// The same from sums that were collected elsewhere.
    func coefficients(
        _ norm: GroupNorm, _ sums: PartialMoments, tokens: Int, pass: Pass
    ) throws -> UnsafeMutablePointer<Float> {
        let coefficients = try pass.numbers(norm.coefficientCount)
        pass.serial {
            norm.coefficients(sums.total(), count: norm.channelsInGroup * tokens, into: coefficients)
        }
        return coefficients
    }

    /// Normalises a block; `target` may be `source`.
    func apply(
        _ source: Plane, to target: Plane, coefficients: UnsafePointer<Float>?, kernels: Kernels
    ) {
        switch self {
        case .layer(let weight, let bias):
            kernels.layerNorm(
                source.base, source.stride, target.base, target.stride, source.rows, source.columns, weight.base,
                bias.base, Float(GroupNorm.epsilon))
        case .group:
            guard let coefficients else { return }
            for row in 0..<source.rows {
                kernels.affine(
                    source.row(row), target.row(row), source.columns, coefficients[row],
                    coefficients[source.rows + row], MSActivationNone)
            }
        }
    }
}
