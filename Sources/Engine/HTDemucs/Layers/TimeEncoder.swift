import Tensors

/// An encoder layer over time (source: `hdemucs.py`, `HEncLayer` without `freq`).
struct TimeEncoder: Sendable {
    let shape: LayerShape
    /// Whether it is the last before the branches join: only the convolution, whose result goes to the other branch.
    let isEmpty: Bool
    private let matrix: PackedMatrix
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?
    private let halo: Int

    init(_ weights: Weights, shape: LayerShape, isEmpty: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isEmpty = isEmpty
        halo = configuration.halo
        let hasNorm = shape.hasNorm && !isEmpty
        matrix = try weights["conv"].convolution(
            shape.outputs, shape.inputs, kernel: [shape.kernel], paddedTaps: shape.steps * shape.stride,
            activation: hasNorm || isEmpty ? MSActivationNone : MSActivationGELU)
        norm = hasNorm ? try weights["norm1"].norm(groups: configuration.normGroups, channels: shape.outputs) : nil
        rewrite =
            configuration.hasRewrite && !isEmpty
            ? try Rewrite(
                weights, normName: "norm2", channels: shape.outputs, context: configuration.encoderContext,
                isFrequency: false, configuration: configuration, hasNorm: hasNorm) : nil
        dconv =
            configuration.dconvMode & 1 != 0 && !isEmpty
            ? try DConv(weights["dconv"], channels: shape.outputs, configuration: configuration) : nil
    }

    /// Length of the output for an input of `length`, which is filled up to a multiple of the stride.
    func outputLength(_ length: Int) -> Int {
        shape.convolved((length + shape.stride - 1) / shape.stride * shape.stride)
    }

    /// The layer's output; the input is left as it is.
    func apply(_ x: Plane, pass: Pass) throws -> Plane {
        let kernels = pass.kernels
        let channels = shape.outputs
        let length = outputLength(x.columns)
        let y = try pass.plane(rows: channels, columns: length, halo: halo)
        pass.count(rows: channels, depth: shape.kernel * shape.inputs, columns: length)

        // 1. Convolution over time; without a norm also GELU.
        let chunks = Chunks.caching(columns: length, rows: max(channels, shape.stride * shape.inputs))
        let phaseColumns = Scratch.size(floats: chunks.size + shape.steps - 1)
        let phaseScratch = shape.stride * shape.inputs * phaseColumns
        let sums = PartialMoments(pieces: chunks.count, groups: norm?.groups ?? 1)
        try pass.parallel(chunks.count, scratch: phaseScratch + matrix.scratchSize(kernels)) { index, scratch in
            var scratch = scratch
            let chunk = chunks[index]
            let phases = scratch.floats(phaseScratch)
            for channel in 0..<shape.inputs {
                kernels.deinterleave(
                    x.row(channel), x.columns, chunk.lowerBound * shape.stride - shape.padding, shape.stride,
                    phases + channel * phaseColumns, shape.inputs * phaseColumns, chunk.count + shape.steps - 1)
            }
            let target = y.slice(columns: chunk)
            matrix.multiply(
                kernels, columns: chunk.count,
                input: { rows in
                    let phaseRows = Plane(
                        base: phases, rows: shape.stride * shape.inputs, columns: chunk.count, stride: phaseColumns)
                    for step in 0..<shape.steps { rows.set(phaseRows, at: step * phaseRows.rows, shift: step) }
                },
                output: { $0.set(target) }, scratch: scratch)
            norm?.add(target, to: sums[index], kernels: kernels)
        }
        if isEmpty { return y }
        if let norm {
            let coefficients = try pass.numbers(2 * channels)
            pass.serial {
                norm.coefficients(sums.total(), count: norm.channelsInGroup * length, into: coefficients)
            }
            try pass.parallel(chunks.count) { index, _ in
                let target = y.slice(columns: chunks[index])
                for row in 0..<channels {
                    kernels.affine(
                        target.row(row), target.row(row), target.columns, coefficients[row],
                        coefficients[channels + row], MSActivationGELU)
                }
            }
            pass.release(coefficients)
        }

        // 2. DConv, then the rewrite, in place where it needs no neighbours.
        dconv?.count(pass, columns: length)
        guard let rewrite else {
            try dconv?.applyGlobally(y, pass: pass, finishScratch: 0) { _, _ in }
            return y
        }
        guard rewrite.isPointwise else {
            try dconv?.applyGlobally(y, pass: pass, finishScratch: 0) { _, _ in }
            let output = try pass.plane(rows: channels, columns: length, halo: halo)
            try rewrite.apply(y, to: output, pass: pass)
            pass.release(y, halo: halo)
            return output
        }
        pass.count(rows: 2 * channels, depth: channels, columns: length)
        func finish(_ chunk: Range<Int>, _ scratch: Scratch) {
            // The product reads a strip of all rows before it writes that strip, but only while the rows fit one block
            // of the sums, so it works from a copy.
            var scratch = scratch
            let source = y.slice(columns: chunk)
            let copy = scratch.plane(rows: channels, columns: chunk.count, halo: 0)
            for row in 0..<channels { copy.row(row).update(from: source.row(row), count: chunk.count) }
            rewrite.apply(copy, to: source, addend: nil, kernels: kernels, scratch: scratch)
        }
        let finishChunk = Chunks.caching(columns: length, rows: channels)
        let finishScratch =
            Plane.size(rows: channels, columns: finishChunk.size, halo: 0) + 64
            + rewrite.pointwiseScratch(kernels)
        if let dconv {
            try dconv.applyGlobally(y, pass: pass, finishScratch: finishScratch, finish: finish)
        } else {
            try pass.parallel(finishChunk.count, scratch: finishScratch) { index, scratch in
                finish(finishChunk[index], scratch)
            }
        }
        return y
    }
}
