import Checkpoints
import Tensors

/// The 1×1 convolutions around the transformer (`bottom_channels`), for both branches.
struct Bottleneck: Sendable {
    let channels: Int
    private let up: [Convolution]
    private let down: [Convolution]

    init(_ weights: Weights, configuration: Configuration) throws {
        let (inner, outer) = (configuration.bottomChannels, configuration.deepestChannels)
        channels = inner
        up = try ["channel_upsampler", "channel_upsampler_t"].map { try weights[$0].convolution(inner, outer) }
        down = try ["channel_downsampler", "channel_downsampler_t"].map { try weights[$0].convolution(outer, inner) }
    }

    /// Into the transformer's channels.
    func widen(_ x: [Tokens], to y: [Tokens], pass: Pass) throws {
        try apply(up, x, y, accumulates: false, pass: pass)
    }

    /// Back from them, added to what `x` holds.
    func narrow(_ y: [Tokens], onto x: [Tokens], pass: Pass) throws {
        try apply(down, y, x, accumulates: true, pass: pass)
    }

    private func apply(
        _ convolutions: [Convolution], _ x: [Tokens], _ y: [Tokens], accumulates: Bool, pass: Pass
    ) throws {
        for (stream, convolution) in convolutions.enumerated() {
            pass.count(operations: convolution.operations, columns: x[stream].count)
        }
        let blocks = TokenBlock.all(of: x)
        let scratch = ScratchSize.anyOf(convolutions.map { $0.scratch(pass.kernels) })
        try pass.parallel(blocks.count, scratch: scratch) { index, scratch in
            let (stream, block) = (blocks[index].stream, blocks[index].block)
            convolutions[stream].apply(
                x[stream][block], to: y[stream][block], accumulates: accumulates, kernels: pass.kernels,
                scratch: scratch)
        }
    }
}

extension Model {
    /// The middle of the forward pass: runs the transformer on a copy of the deepest skips, `bottom_channels` wide if the
    /// model says so, and adds its result to them.
    func transform(_ x: Bands, _ xt: Plane, workspace: Workspace, pass: Pass) throws {
        guard let transformer else {
            // Without a transformer the skip is added to itself.
            let rows = [x.plane, xt].flatMap { plane in (0..<plane.rows).map { (plane.row($0), plane.columns) } }
            return try pass.parallel(rows.count) { index, _ in
                pass.kernels.affine(rows[index].0, rows[index].0, rows[index].1, 2, 0, MSActivationNone)
            }
        }
        let width = bottleneck?.channels ?? x.channels
        guard transformer.channels == width, bottleneck != nil || xt.rows == width else {
            throw ModelError.inconsistent(
                reason:
                    "the branches have \(x.channels) and \(xt.rows) channels, the transformer \(transformer.channels)")
        }
        let outer = [Tokens(x), Tokens(Bands(single: xt))]
        let inner = try outer.map { try Tokens(like: $0, channels: width, pass: pass) }
        if let bottleneck {
            try pass.layer("channel_upsampler") { try bottleneck.widen(outer, to: inner, pass: pass) }
        } else {
            try eachRow(outer, inner, pass: pass) { $1.update(from: $0, count: $2) }
        }
        try transformer.apply(spectrum: inner[0], wave: inner[1], workspace: workspace, pass: pass)
        if let bottleneck {
            try pass.layer("channel_downsampler") { try bottleneck.narrow(inner, onto: outer, pass: pass) }
        } else {
            try eachRow(inner, outer, pass: pass) { pass.kernels.accumulate($0, $1, $2) }
        }
        for tokens in inner.reversed() { pass.release(tokens.bands.plane) }
    }

    private func eachRow(
        _ from: [Tokens], _ to: [Tokens], pass: Pass,
        _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) throws {
        for (from, to) in zip(from, to) {
            try pass.parallel(from.blocks) { block, _ in
                for row in 0..<from.channels { body(from[block].row(row), to[block].row(row), from[block].columns) }
            }
        }
    }
}
