import Tensors
import Untrusted

/// One layer of one branch (source: `transformer.py`, `MyTransformerEncoderLayer`, `CrossTransformerEncoderLayer`).
struct TransformerLayer: Sendable {
    let isCross: Bool
    let channels: Int
    let heads: Int
    let normFirst: Bool
    let norms: [TokenNorm]
    let normOut: GroupNorm?
    let query: PackedMatrix
    let keyValue: PackedMatrix
    let project: PackedMatrix
    let expand: PackedMatrix
    let contract: PackedMatrix
    let attentionScale: FloatMemory?
    let feedForwardScale: FloatMemory?

    init(_ weights: Weights, isCross: Bool, channels: Int, configuration: TransformerConfiguration) throws {
        self.isCross = isCross
        self.channels = channels
        heads = configuration.heads
        normFirst = configuration.normFirst
        let attention = weights[isCross ? "cross_attn" : "self_attn"]
        do {
            let weight = try attention.take("in_proj_weight", [3 * channels, channels])
            let bias = try attention.take("in_proj_bias", [3 * channels])
            query = PackedMatrix(
                linear: weight, rows: channels, depth: channels, bias: bias, kernels: weights.kernels)
            keyValue = PackedMatrix(
                weight, rowOffsets: (channels..<3 * channels).map { $0 * channels }, depthOffsets: Array(0..<channels),
                bias: Array(bias[channels...]), kernels: weights.kernels)
        }
        project = try attention["out_proj"].linear(channels, channels)
        let hidden = Int(clamping: Double(channels) * configuration.hiddenScale)
        guard hidden > 0, hidden < Configuration.widest else {
            throw ModelError.inconsistent(reason: "t_hidden_scale makes \(hidden) of \(channels) channels")
        }
        expand = try weights["linear1"].linear(
            hidden, channels, activation: configuration.usesGELU ? MSActivationGELU : MSActivationReLU)
        contract = try weights["linear2"].linear(channels, hidden)
        norms = try (1...(isCross ? 3 : 2)).map {
            try TokenNorm(weights["norm\($0)"], channels: channels, groups: configuration.groupNorm)
        }
        // As Python's `norm_first & norm_out`.
        normOut =
            configuration.normFirst && configuration.normOut & 1 != 0
            ? try weights["norm_out"].norm(groups: configuration.normOut, channels: channels) : nil
        attentionScale = configuration.hasLayerScale ? try weights["gamma_1"].scale(channels) : nil
        feedForwardScale = configuration.hasLayerScale ? try weights["gamma_2"].scale(channels) : nil
    }

    var width: Int { channels / heads }

    /// Scratch for the products of a block.
    func productScratch(_ kernels: Kernels) -> Int {
        [query, keyValue, project, expand, contract].map { $0.scratchSize(kernels) }.max() ?? 0
    }
}
