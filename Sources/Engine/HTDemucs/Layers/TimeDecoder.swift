import Tensors

/// A decoder layer over time (source: `hdemucs.py`, `HDecLayer` without `freq`).
struct TimeDecoder: Sendable {
    let shape: LayerShape
    /// Whether it is the first after the branches part: only the transposed convolution.
    let isEmpty: Bool
    private let isLast: Bool
    private let matrix: PackedMatrix
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?
    private let halo: Int

    init(_ weights: Weights, shape: LayerShape, isEmpty: Bool, isLast: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isEmpty = isEmpty
        self.isLast = isLast
        halo = configuration.halo
        matrix = try weights["conv_tr"].transposedConvolution(
            shape.inputs, shape.outputs, kernel: [shape.kernel], stride: shape.stride,
            activation: shape.hasNorm || isLast ? MSActivationNone : MSActivationGELU)
        norm =
            shape.hasNorm
            ? try weights["norm2"].norm(groups: configuration.normGroups, channels: shape.outputs) : nil
        rewrite =
            configuration.hasRewrite && !isEmpty
            ? try Rewrite(
                weights, normName: "norm1", channels: shape.inputs, context: configuration.context,
                isFrequency: false, configuration: configuration, hasNorm: shape.hasNorm) : nil
        dconv =
            configuration.dconvMode & 2 != 0 && !isEmpty
            ? try DConv(weights["dconv"], channels: shape.inputs, configuration: configuration) : nil
    }

    /// The first half: from the input, to which the skip is already added, to what goes into the transposed convolution.
    /// Takes the input's memory.
    func prepare(_ x: Plane, pass: Pass) throws -> Plane {
        var y = x
        if let rewrite {
            y = try pass.plane(rows: x.rows, columns: x.columns, halo: halo)
            try rewrite.apply(x, to: y, pass: pass)
            pass.release(x, halo: halo)
        }
        dconv?.count(pass, columns: y.columns)
        try dconv?.applyGlobally(y, pass: pass, finishScratch: 0) { _, _ in }
        return y
    }

    /// The second half: the transposed convolution and its activation, added to what `target` holds (a skip) or written.
    ///
    /// - Parameter y: zero for at least a step of the kernel beyond its ends
    func transpose(_ y: Plane, onto target: Plane, accumulates: Bool, pass: Pass) throws {
        let kernels = pass.kernels
        pass.count(rows: shape.outputs * shape.kernel, depth: shape.inputs, columns: y.columns)
        let positions = y.columns + shape.steps - 1
        let chunks = Chunks.caching(columns: positions, rows: max(shape.inputs, shape.stride * shape.outputs))

        func multiply(_ chunk: Range<Int>, to target: Plane, offset: Int, accumulates: Bool, scratch: Scratch) {
            var scratch = scratch
            let phases = scratch.plane(rows: shape.stride * shape.outputs, columns: chunk.count, halo: 0)
            let source = y.slice(columns: chunk)
            matrix.multiply(
                kernels, columns: chunk.count,
                input: { rows in
                    for step in 0..<shape.steps { rows.set(source, at: step * shape.inputs, shift: -step) }
                },
                output: { $0.set(phases) }, scratch: scratch)
            for channel in 0..<shape.outputs {
                kernels.interleave(
                    phases.row(channel), shape.outputs * phases.stride, target.row(channel), target.columns,
                    chunk.lowerBound * shape.stride - offset, shape.stride, chunk.count, accumulates)
            }
        }
        let scratch =
            Plane.size(rows: shape.stride * shape.outputs, columns: chunks.size, halo: 0) + 64
            + matrix.scratchSize(kernels)
        guard let norm else {
            return try pass.parallel(chunks.count, scratch: scratch) { index, scratch in
                multiply(
                    chunks[index], to: target, offset: shape.padding, accumulates: accumulates, scratch: scratch)
            }
        }
        let whole = try pass.plane(rows: shape.outputs, columns: shape.transposed(y.columns), halo: 0)
        try pass.parallel(chunks.count, scratch: scratch) { index, scratch in
            multiply(chunks[index], to: whole, offset: 0, accumulates: false, scratch: scratch)
        }
        let pieces = Chunks(columns: whole.columns, size: 16384)
        let sums = PartialMoments(pieces: pieces.count, groups: norm.groups)
        try pass.parallel(pieces.count) { index, _ in
            norm.add(whole.slice(columns: pieces[index]), to: sums[index], kernels: kernels)
        }
        let coefficients = try pass.numbers(2 * shape.outputs)
        pass.serial {
            norm.coefficients(sums.total(), count: norm.channelsInGroup * whole.columns, into: coefficients)
        }
        try pass.parallel(shape.outputs) { row, _ in
            let source = whole.row(row) + shape.padding
            let values = accumulates ? source : target.row(row)
            kernels.affine(
                source, values, target.columns, coefficients[row], coefficients[shape.outputs + row],
                isLast ? MSActivationNone : MSActivationGELU)
            if accumulates { kernels.accumulate(values, target.row(row), target.columns) }
        }
        pass.release(coefficients)
        pass.release(whole, halo: 0)
    }
}
