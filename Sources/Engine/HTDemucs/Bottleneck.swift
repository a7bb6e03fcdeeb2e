import Checkpoints
import Tensors

/// The 1×1 convolutions around the transformer (`bottom_channels`), for both branches.
struct Bottleneck: Sendable {
    let channels: Int
    private let up: [PackedMatrix]
    private let down: [PackedMatrix]

    init(_ weights: Weights, configuration: Configuration) throws {
        let (inner, outer) = (configuration.bottomChannels, configuration.deepestChannels)
        channels = inner
        up = try ["channel_upsampler", "channel_upsampler_t"].map {
            try weights[$0].convolution(inner, outer, kernel: [1])
        }
        down = try ["channel_downsampler", "channel_downsampler_t"].map {
            try weights[$0].convolution(outer, inner, kernel: [1])
        }
    }

    /// Into the transformer's channels.
    func widen(_ x: [Tokens], to y: [Tokens], pass: Pass) throws {
        try multiply(up, x, y, accumulates: false, pass: pass)
    }

    /// Back from them, added to what `x` holds.
    func narrow(_ y: [Tokens], onto x: [Tokens], pass: Pass) throws {
        try multiply(down, y, x, accumulates: true, pass: pass)
    }

    private func multiply(
        _ matrices: [PackedMatrix], _ x: [Tokens], _ y: [Tokens], accumulates: Bool, pass: Pass
    ) throws {
        let kernels = pass.kernels
        let blocks = x.indices.flatMap { stream in (0..<x[stream].blocks).map { (stream, $0) } }
        for stream in x.indices {
            pass.count(rows: matrices[stream].rows, depth: matrices[stream].depth, columns: x[stream].count)
        }
        let scratchSize = matrices.map { $0.scratchSize(kernels) }.max() ?? 0
        try pass.parallel(blocks.count, scratch: scratchSize) { index, scratch in
            let (stream, block) = blocks[index]
            matrices[stream].multiply(
                kernels, columns: x[stream][block].columns, input: { $0.set(x[stream][block]) },
                output: { $0.set(y[stream][block]) }, accumulates: accumulates, scratch: scratch)
        }
    }
}
