import Tensors

/// A decoder layer over frequencies (source: `hdemucs.py`, `HDecLayer` with `freq`).
struct FrequencyDecoder: Sendable {
    let shape: LayerShape
    private let isLast: Bool
    private let matrix: PackedMatrix
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?
    private let halo: Int

    init(_ weights: Weights, shape: LayerShape, isLast: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isLast = isLast
        halo = configuration.halo
        matrix = try weights["conv_tr"].transposedConvolution(
            shape.inputs, shape.outputs, kernel: [shape.kernel, 1], stride: shape.stride,
            activation: shape.hasNorm || isLast ? MSActivationNone : MSActivationGELU)
        norm =
            shape.hasNorm
            ? try weights["norm2"].norm(groups: configuration.normGroups, channels: shape.outputs) : nil
        rewrite =
            configuration.hasRewrite
            ? try Rewrite(
                weights, normName: "norm1", channels: shape.inputs, context: configuration.context, isFrequency: true,
                configuration: configuration, hasNorm: shape.hasNorm) : nil
        dconv =
            configuration.dconvMode & 2 != 0
            ? try DConv(weights["dconv"], channels: shape.inputs, configuration: configuration) : nil
    }

    /// Number of frequencies of the output.
    func outputCount(_ count: Int) -> Int { shape.transposed(count) - 2 * shape.padding }

    /// The first half: from the input, to which the skip is already added, to what goes into the transposed convolution.
    /// Takes the input's memory.
    func prepare(_ x: Bands, pass: Pass) throws -> Bands {
        let kernels = pass.kernels
        let columns = x.columns
        let dconvScratch = dconv?.localScratch(kernels, columns: columns) ?? 0
        dconv?.count(pass, columns: columns * x.count)
        guard let rewrite else {
            if let dconv {
                try pass.parallel(x.count, scratch: dconvScratch) { frequency, scratch in
                    dconv.applyLocally(x[frequency], kernels: kernels, scratch: scratch)
                }
            }
            return x
        }
        let y = Bands(plane: try pass.plane(rows: x.plane.rows, columns: columns, halo: halo), channels: x.channels)
        try rewrite.apply(x, to: y, pass: pass, halo: halo, finishScratch: dconvScratch) { frequency, scratch in
            dconv?.applyLocally(y[frequency], kernels: kernels, scratch: scratch)
        }
        pass.release(x.plane, halo: halo)
        return y
    }

    /// The second half: the transposed convolution and its activation, added to what `target` holds (a skip) or written.
    func transpose(_ y: Bands, onto target: Bands, accumulates: Bool, pass: Pass) throws {
        let kernels = pass.kernels
        let columns = y.columns
        let count = y.count
        pass.count(rows: shape.outputs * shape.kernel, depth: shape.inputs, columns: columns * count)
        let blank = try pass.plane(rows: 1, columns: columns, halo: 0)
        try pass.parallel(1) { _, _ in blank.row(0).update(repeating: 0, count: columns) }

        func multiply(_ position: Int, to target: Bands, offset: Int, accumulates: Bool, scratch: Scratch) {
            matrix.multiply(
                kernels, columns: columns,
                input: { rows in
                    for step in 0..<shape.steps {
                        let source = position - step
                        if source >= 0 && source < count {
                            rows.set(y[source], at: step * shape.inputs)
                        } else {
                            rows.repeating(blank.base, at: step * shape.inputs, count: shape.inputs)
                        }
                    }
                },
                output: { rows in
                    for phase in 0..<shape.stride {
                        let frequency = position * shape.stride + phase - offset
                        if frequency >= 0 && frequency < target.count {
                            rows.set(target[frequency], at: phase * shape.outputs)
                        } else {
                            rows.repeating(nil, at: phase * shape.outputs, count: shape.outputs)
                        }
                    }
                }, accumulates: accumulates, scratch: scratch)
        }
        let positions = count + shape.steps - 1
        if let norm {
            let whole = Bands(
                plane: try pass.plane(rows: shape.transposed(count) * shape.outputs, columns: columns, halo: 0),
                channels: shape.outputs)
            try pass.parallel(positions, scratch: matrix.scratchSize(kernels)) { position, scratch in
                multiply(position, to: whole, offset: 0, accumulates: false, scratch: scratch)
            }
            let sums = PartialMoments(pieces: whole.count, groups: norm.groups)
            try pass.parallel(whole.count) { frequency, _ in
                norm.add(whole[frequency], to: sums[frequency], kernels: kernels)
            }
            let coefficients = try pass.numbers(2 * shape.outputs)
            pass.serial {
                norm.coefficients(
                    sums.total(), count: norm.channelsInGroup * whole.count * columns, into: coefficients)
            }
            try pass.parallel(target.count) { frequency, _ in
                let source = whole[frequency + shape.padding]
                for row in 0..<shape.outputs {
                    let values = accumulates ? source.row(row) : target[frequency].row(row)
                    kernels.affine(
                        source.row(row), values, columns, coefficients[row], coefficients[shape.outputs + row],
                        isLast ? MSActivationNone : MSActivationGELU)
                    if accumulates { kernels.accumulate(values, target[frequency].row(row), columns) }
                }
            }
            pass.release(coefficients)
            pass.release(whole.plane, halo: 0)
        } else {
            try pass.parallel(positions, scratch: matrix.scratchSize(kernels)) { position, scratch in
                multiply(position, to: target, offset: shape.padding, accumulates: accumulates, scratch: scratch)
            }
        }
        pass.release(blank, halo: 0)
    }
}
