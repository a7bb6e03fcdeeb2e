import Tensors

/// An encoder layer of the spectrogram's branch: over frequencies, or over time once one frequency is left.
enum Encoder: Sendable {
    case frequency(FrequencyEncoder)
    case time(TimeEncoder)

    init(_ weights: Weights, plan: LayerPlan.Layer, configuration: Configuration) throws {
        if plan.isFrequency {
            self = .frequency(
                try FrequencyEncoder(
                    weights, shape: plan.shape, isJoined: plan.isJoined, configuration: configuration))
        } else {
            self = .time(try TimeEncoder(weights, shape: plan.shape, isEmpty: false, configuration: configuration))
        }
    }

    var shape: LayerShape {
        switch self {
        case .frequency(let layer): layer.shape
        case .time(let layer): layer.shape
        }
    }

    func apply(_ x: Bands, injected: Plane?, embedding: FloatMemory?, pass: Pass) throws -> Bands {
        switch self {
        case .frequency(let layer):
            return try layer.apply(x, injected: injected, embedding: embedding, pass: pass)
        case .time(let layer):
            return Bands(single: try layer.apply(x.plane, pass: pass))
        }
    }
}

// MARK: - Over frequencies

/// An encoder layer over frequencies (source: `hdemucs.py`, `HEncLayer` with `freq`).
///
/// x [F][I][T] → [F / stride][O][T]: rewrite(dconv(gelu(norm(conv(x) + injected)))) + embedding
struct FrequencyEncoder: Sendable {
    let shape: LayerShape
    private let convolution: Convolution
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?
    /// Whether the activation waits for a norm or for the waveform's branch to be added.
    private let activatesLate: Bool

    /// - Parameter isJoined: whether the waveform's branch joins in this layer
    init(_ weights: Weights, shape: LayerShape, isJoined: Bool, configuration: Configuration) throws {
        self.shape = shape
        activatesLate = shape.hasNorm || isJoined
        convolution = try weights["conv"].convolution(
            shape.outputs, shape.inputs, frequencies: shape.kernel, stride: shape.stride, padding: shape.padding,
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
        let output = try pass.bands(shape.convolved(x.count), channels: shape.outputs, columns: x.columns)
        let silence = try pass.silence(columns: x.columns)
        pass.count(operations: convolution.operations, columns: x.columns * output.count)
        dconv?.count(pass, columns: x.columns * output.count)
        if let rewrite, rewrite.isPointwise {
            rewrite.count(pass, columns: x.columns * output.count)
            if !activatesLate {
                try applyFused(x, to: output, rewrite, embedding: embedding, silence: silence, pass: pass)
                return output
            }
        }
        try applyInSteps(x, to: output, injected: injected, embedding: embedding, silence: silence, pass: pass)
        return output
    }

    /// Everything on one frequency after the other, whose values never leave the cache.
    private func applyFused(
        _ x: Bands, to output: Bands, _ rewrite: Rewrite, embedding: FloatMemory?,
        silence: UnsafeMutablePointer<Float>, pass: Pass
    ) throws {
        let kernels = pass.kernels
        let (channels, columns, halo) = (shape.outputs, x.columns, output.plane.halo)
        let steps =
            convolution.scratch(kernels) | finishScratch(kernels, columns: columns)
        try pass.parallel(
            output.count, scratch: .plane(rows: channels, columns: columns, halo: halo) + steps
        ) { frequency, scratch in
            var scratch = scratch
            let y = scratch.plane(rows: channels, columns: columns, halo: halo)
            y.clearHalo()
            convolution.apply(x, at: frequency, to: y, silence: silence, kernels: kernels, scratch: scratch)
            dconv?.applyLocally(y, kernels: kernels, scratch: scratch)
            rewrite.apply(
                y, to: output[frequency], addend: embedding.map { $0.base + frequency * channels }, kernels: kernels,
                scratch: scratch)
        }
    }

    /// The layer with barriers between its steps, for norms over all frequencies and rewrites that need neighbours.
    private func applyInSteps(
        _ x: Bands, to output: Bands, injected: Plane?, embedding: FloatMemory?,
        silence: UnsafeMutablePointer<Float>, pass: Pass
    ) throws {
        let kernels = pass.kernels
        let y =
            rewrite == nil
            ? output : try pass.bands(output.count, channels: output.channels, columns: output.columns)
        // 1. Convolution, the other branch, moments for the norm.
        let run = norm.map { GroupNormRun($0, pieces: y.count, kernels: kernels) }
        try pass.parallel(y.count, scratch: convolution.scratch(kernels)) { frequency, scratch in
            let target = y[frequency]
            convolution.apply(x, at: frequency, to: target, silence: silence, kernels: kernels, scratch: scratch)
            if let injected {
                for row in 0..<target.rows { kernels.accumulate(injected.row(row), target.row(row), target.columns) }
            }
            run?.add(target, piece: frequency)
        }
        run?.settle(positions: y.count * y.columns)
        // 2. Norm, GELU, DConv; the rewrite where it needs no neighbours.
        try pass.parallel(y.count, scratch: finishScratch(kernels, columns: y.columns)) { frequency, scratch in
            let target = y[frequency]
            if let run {
                run.apply(target, to: target, activation: MSActivationGELU)
            } else if activatesLate {
                for row in 0..<target.rows {
                    kernels.affine(target.row(row), target.row(row), target.columns, 1, 0, MSActivationGELU)
                }
            }
            dconv?.applyLocally(target, kernels: kernels, scratch: scratch)
            if let rewrite, rewrite.isPointwise {
                rewrite.apply(
                    target, to: output[frequency], addend: embedding.map { $0.base + frequency * output.channels },
                    kernels: kernels, scratch: scratch)
            }
        }
        // 3. Any other rewrite, then the embedding.
        if let rewrite, rewrite.isPointwise {
            pass.release(y.plane)
            return
        }
        if let rewrite {
            try rewrite.apply(y, to: output, pass: pass)
            pass.release(y.plane)
        }
        guard let embedding else { return }
        try pass.parallel(output.count) { frequency, _ in
            for channel in 0..<output.channels {
                let row = output[frequency].row(channel)
                kernels.affine(
                    row, row, output.columns, 1, embedding.base[frequency * output.channels + channel],
                    MSActivationNone)
            }
        }
    }

    /// Scratch for DConv or a pointwise rewrite of a frequency.
    private func finishScratch(_ kernels: Kernels, columns: Int) -> ScratchSize {
        (dconv?.localScratch(kernels, columns: columns) ?? .none) | (rewrite?.pointwiseScratch(kernels) ?? .none)
    }
}

// MARK: - Over time

/// An encoder layer over time (source: `hdemucs.py`, `HEncLayer` without `freq`).
///
/// x [I][T] → [O][T / stride]: rewrite(dconv(gelu(norm(conv(x)))))
struct TimeEncoder: Sendable {
    let shape: LayerShape
    /// Whether it is the last before the branches join: only the convolution, whose result goes to the other branch.
    let isEmpty: Bool
    private let convolution: StridedConvolution
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?

    init(_ weights: Weights, shape: LayerShape, isEmpty: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isEmpty = isEmpty
        let hasNorm = shape.hasNorm && !isEmpty
        convolution = try weights["conv"].stridedConvolution(
            shape, activation: hasNorm || isEmpty ? MSActivationNone : MSActivationGELU)
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
        let y = try pass.plane(rows: shape.outputs, columns: outputLength(x.columns))

        // 1. Convolution; without a norm also GELU.
        pass.count(operations: convolution.operations, columns: y.columns)
        let chunks = Chunks.caching(columns: y.columns, rows: max(shape.outputs, shape.stride * shape.inputs))
        let run = norm.map { GroupNormRun($0, pieces: chunks.count, kernels: kernels) }
        try pass.parallel(chunks.count, scratch: convolution.scratch(kernels, columns: chunks.size)) { index, scratch in
            let target = y.slice(columns: chunks[index])
            convolution.apply(x, columns: chunks[index], to: target, kernels: kernels, scratch: scratch)
            run?.add(target, piece: index)
        }
        if isEmpty { return y }
        if let run {
            run.settle(positions: y.columns)
            try pass.parallel(chunks.count) { index, _ in
                let target = y.slice(columns: chunks[index])
                run.apply(target, to: target, activation: MSActivationGELU)
            }
        }

        // 2. DConv, then the rewrite, in place where it needs no neighbours.
        dconv?.count(pass, columns: y.columns)
        guard let rewrite else {
            try dconv?.applyGlobally(y, pass: pass)
            return y
        }
        guard rewrite.isPointwise else {
            try dconv?.applyGlobally(y, pass: pass)
            let output = try pass.plane(rows: y.rows, columns: y.columns)
            try rewrite.apply(y, to: output, pass: pass)
            pass.release(y)
            return output
        }
        rewrite.count(pass, columns: y.columns)
        func finish(_ chunk: Range<Int>, _ scratch: Scratch) {
            // The product reads a strip of all rows before it writes that strip, but only while the rows fit one block
            // of the sums, so it works from a copy.
            var scratch = scratch
            let target = y.slice(columns: chunk)
            let source = scratch.plane(rows: target.rows, columns: target.columns)
            source.copy(from: target)
            rewrite.apply(source, to: target, addend: nil, kernels: kernels, scratch: scratch)
        }
        let pieces = Chunks.caching(columns: y.columns, rows: y.rows)
        let finishScratch: ScratchSize =
            .plane(rows: y.rows, columns: pieces.size) + rewrite.pointwiseScratch(kernels)
        if let dconv {
            try dconv.applyGlobally(y, pass: pass, finishScratch: finishScratch, finish: finish)
        } else {
            try pass.parallel(pieces.count, scratch: finishScratch) { index, scratch in finish(pieces[index], scratch) }
        }
        return y
    }
}
