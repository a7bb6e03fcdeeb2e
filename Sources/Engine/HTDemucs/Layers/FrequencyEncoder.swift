import Tensors

/// An encoder layer over frequencies (source: `hdemucs.py`, `HEncLayer` with `freq`).
struct FrequencyEncoder: Sendable {
    let shape: LayerShape
    private let matrix: PackedMatrix
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?
    private let halo: Int
    /// Whether the activation waits for a norm or for the waveform's branch to be added.
    private let activatesLate: Bool

    /// - Parameter isJoined: whether the waveform's branch joins in this layer
    init(_ weights: Weights, shape: LayerShape, isJoined: Bool, configuration: Configuration) throws {
        self.shape = shape
        activatesLate = shape.hasNorm || isJoined
        halo = configuration.halo
        matrix = try weights["conv"].convolution(
            shape.outputs, shape.inputs, kernel: [shape.kernel, 1],
            activation: activatesLate ? MSActivationNone : MSActivationGELU)
        norm =
            shape.hasNorm
            ? try weights["norm1"].norm(groups: configuration.normGroups, channels: shape.outputs) : nil
        rewrite =
            configuration.hasRewrite
            ? try Rewrite(
                weights, normName: "norm2", channels: shape.outputs, context: configuration.encoderContext,
                isFrequency: true, configuration: configuration, hasNorm: shape.hasNorm) : nil
        dconv =
            configuration.dconvMode & 1 != 0
            ? try DConv(weights["dconv"], channels: shape.outputs, configuration: configuration) : nil
    }

    /// The layer's output; the input is left as it is.
    ///
    /// - Parameters:
    ///   - injected: the waveform's branch where it joins this one, added after the convolution
    ///   - embedding: a number for each (frequency, channel) to add to the output
    func apply(_ x: Bands, injected: Plane?, embedding: FloatMemory?, pass: Pass) throws -> Bands {
        let kernels = pass.kernels
        let count = shape.convolved(x.count)
        let channels = shape.outputs
        let columns = x.columns
        let output = Bands(
            plane: try pass.plane(rows: count * channels, columns: columns, halo: halo), channels: channels)
        let blank = try pass.plane(rows: 1, columns: columns, halo: 0)
        try pass.parallel(1) { _, _ in blank.row(0).update(repeating: 0, count: columns) }
        pass.count(rows: matrix.rows, depth: matrix.depth, columns: columns * count)

        // 1. Convolution over frequencies; with neither norm nor injection also GELU.
        func convolve(_ frequency: Int, to target: Plane, scratch: Scratch) {
            matrix.multiply(
                kernels, columns: columns,
                input: { rows in
                    for tap in 0..<shape.kernel {
                        let source = frequency * shape.stride + tap - shape.padding
                        if source >= 0 && source < x.count {
                            rows.set(x[source], at: tap * shape.inputs)
                        } else {
                            rows.repeating(blank.base, at: tap * shape.inputs, count: shape.inputs)
                        }
                    }
                },
                output: { $0.set(target) }, scratch: scratch)
        }
        // 2. DConv on a frequency, then the rewrite where it needs no neighbours.
        func finish(_ frequency: Int, _ y: Plane, scratch: Scratch) {
            dconv?.applyLocally(y, kernels: kernels, scratch: scratch)
            if let rewrite, rewrite.isPointwise {
                rewrite.apply(
                    y, to: output[frequency], addend: embedding.map { $0.base + frequency * channels },
                    kernels: kernels, scratch: scratch)
            }
        }
        let isFused = rewrite?.isPointwise ?? false
        let finishScratch = max(
            dconv?.localScratch(kernels, columns: columns) ?? 0, rewrite?.pointwiseScratch(kernels) ?? 0)
        let matrixScratch = matrix.scratchSize(kernels)
        let local = Plane.size(rows: channels, columns: columns, halo: halo) + 16
        dconv?.count(pass, columns: columns * count)
        if isFused { pass.count(rows: 2 * channels, depth: channels, columns: columns * count) }

        if isFused && !activatesLate {
            try pass.parallel(count, scratch: local + max(matrixScratch, finishScratch)) { frequency, scratch in
                var scratch = scratch
                let y = scratch.plane(rows: channels, columns: columns, halo: halo)
                y.clearHalo(halo)
                convolve(frequency, to: y, scratch: scratch)
                finish(frequency, y, scratch: scratch)
            }
        } else {
            try applyInSteps(
                count: count, columns: columns, injected: injected, output: output, isFused: isFused,
                finishScratch: finishScratch, pass: pass, convolve: convolve, finish: finish)
            if let embedding, !isFused {
                try pass.parallel(count) { frequency, _ in
                    for row in 0..<channels {
                        let values = output[frequency].row(row)
                        kernels.affine(
                            values, values, columns, 1, embedding.base[frequency * channels + row], MSActivationNone)
                    }
                }
            }
        }
        pass.release(blank, halo: 0)
        return output
    }

    /// The layer with barriers between its steps, for norms over all frequencies and kernels wider than one.
    private func applyInSteps(
        count: Int, columns: Int, injected: Plane?, output: Bands, isFused: Bool, finishScratch: Int, pass: Pass,
        convolve: (Int, Plane, Scratch) -> Void, finish: (Int, Plane, Scratch) -> Void
    ) throws {
        let kernels = pass.kernels
        let channels = shape.outputs
        let needsCopy = rewrite != nil
        let y =
            needsCopy
            ? Bands(plane: try pass.plane(rows: count * channels, columns: columns, halo: halo), channels: channels)
            : output
        let sums = PartialMoments(pieces: count, groups: norm?.groups ?? 1)
        try pass.parallel(count, scratch: matrix.scratchSize(kernels)) { frequency, scratch in
            let target = y[frequency]
            convolve(frequency, target, scratch)
            if let injected {
                for row in 0..<channels { kernels.accumulate(injected.row(row), target.row(row), columns) }
            }
            norm?.add(target, to: sums[frequency], kernels: kernels)
        }
        let coefficients = try pass.numbers(2 * channels)
        pass.serial {
            coefficients.update(repeating: 1, count: channels)
            (coefficients + channels).update(repeating: 0, count: channels)
            norm?.coefficients(
                sums.total(), count: shape.outputs / (norm?.groups ?? 1) * count * columns, into: coefficients)
        }
        try pass.parallel(count, scratch: finishScratch) { frequency, scratch in
            let target = y[frequency]
            if activatesLate {
                for row in 0..<channels {
                    kernels.affine(
                        target.row(row), target.row(row), columns, coefficients[row], coefficients[channels + row],
                        MSActivationGELU)
                }
            }
            finish(frequency, target, scratch)
        }
        pass.release(coefficients)
        if let rewrite, !isFused { try rewrite.apply(y, to: output, pass: pass, halo: halo) }
        if needsCopy { pass.release(y.plane, halo: halo) }
    }
}
