import Tensors

extension Model {
    /// Runs the transformer on a copy and adds its result to the deepest skips.
    func transform(_ x: Bands, _ xt: Plane, workspace: Workspace, pass: Pass) throws {
        let wave = Bands(plane: xt, channels: xt.rows)
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
        let outer = [Tokens(x), Tokens(wave)]
        let inner = try outer.map {
            Tokens(
                Bands(
                    plane: try pass.plane(rows: $0.bands.count * width, columns: $0.bands.columns, halo: 0),
                    channels: width))
        }
        if let bottleneck {
            try pass.layer("channel_upsampler") { try bottleneck.widen(outer, to: inner, pass: pass) }
        } else {
            try eachRow(outer, inner, pass: pass) { $1.update(from: $0, count: $2) }
        }
        try transformer.apply(spectrum: inner[0].bands, wave: inner[1].bands.plane, workspace: workspace, pass: pass)
        if let bottleneck {
            try pass.layer("channel_downsampler") { try bottleneck.narrow(inner, onto: outer, pass: pass) }
        } else {
            try eachRow(inner, outer, pass: pass) { pass.kernels.accumulate($0, $1, $2) }
        }
        for tokens in inner.reversed() { pass.release(tokens.bands.plane, halo: 0) }
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
