import Tensors

/// A decoder layer of the spectrogram's branch: over frequencies, or over time while one frequency is left.
enum Decoder: Sendable {
    case frequency(FrequencyDecoder)
    case time(TimeDecoder)

    init(_ weights: Weights, plan: LayerPlan.Layer, isLast: Bool, configuration: Configuration) throws {
        if plan.isFrequency {
            self = .frequency(
                try FrequencyDecoder(weights, shape: plan.shape, isLast: isLast, configuration: configuration))
        } else {
            self = .time(
                try TimeDecoder(
                    weights, shape: plan.shape, isEmpty: false, isLast: isLast, configuration: configuration))
        }
    }

    /// Takes the input's memory and gives what goes into the transposed convolution.
    func prepare(_ x: Bands, pass: Pass) throws -> Bands {
        switch self {
        case .frequency(let layer): try layer.prepare(x, pass: pass)
        case .time(let layer): Bands(single: try layer.prepare(x.plane, pass: pass))
        }
    }

    func transpose(_ y: Bands, onto target: Bands, accumulates: Bool, pass: Pass) throws {
        switch self {
        case .frequency(let layer): try layer.transpose(y, onto: target, accumulates: accumulates, pass: pass)
        case .time(let layer):
            try layer.transpose(y.plane, onto: target.plane, accumulates: accumulates, pass: pass)
        }
    }

    /// Frequencies of the output.
    func outputCount(_ count: Int) -> Int {
        switch self {
        case .frequency(let layer): layer.outputCount(count)
        case .time: 1
        }
    }
}

// MARK: - Over frequencies

/// A decoder layer over frequencies (source: `hdemucs.py`, `HDecLayer` with `freq`).
///
/// x [F][I][T] → target [F · stride][O][T]: gelu(norm(convTransposed(dconv(rewrite(x)))))
struct FrequencyDecoder: Sendable {
    let shape: LayerShape
    private let isLast: Bool
    private let convolution: TransposedConvolution
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?

    init(_ weights: Weights, shape: LayerShape, isLast: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isLast = isLast
        convolution = try weights["conv_tr"].transposedConvolution(
            shape, isFrequency: true, activation: shape.hasNorm || isLast ? MSActivationNone : MSActivationGELU)
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
        let dconvScratch = dconv?.localScratch(kernels, columns: x.columns) ?? .none
        dconv?.count(pass, columns: x.columns * x.count)
        guard let rewrite else {
            if let dconv {
                try pass.parallel(x.count, scratch: dconvScratch) { frequency, scratch in
                    dconv.applyLocally(x[frequency], kernels: kernels, scratch: scratch)
                }
            }
            return x
        }
        let y = try pass.bands(x.count, channels: x.channels, columns: x.columns)
        try rewrite.apply(x, to: y, pass: pass, finishScratch: dconvScratch) { frequency, scratch in
            dconv?.applyLocally(y[frequency], kernels: kernels, scratch: scratch)
        }
        pass.release(x.plane)
        return y
    }

    /// The second half: the transposed convolution and its activation, added to what `target` holds (a skip) or written.
    func transpose(_ y: Bands, onto target: Bands, accumulates: Bool, pass: Pass) throws {
        let kernels = pass.kernels
        pass.count(operations: convolution.operations, columns: y.columns * y.count)
        let silence = try pass.silence(columns: y.columns)
        let positions = convolution.positions(y.count)
        guard let norm else {
            return try pass.parallel(positions, scratch: convolution.scratch(kernels)) { position, scratch in
                convolution.apply(
                    y, at: position, to: target, trim: shape.padding, accumulates: accumulates, silence: silence,
                    kernels: kernels, scratch: scratch)
            }
        }
        // The norm runs over what is trimmed away, too.
        let whole = Bands(
            plane: try pass.bare(rows: shape.transposed(y.count) * shape.outputs, columns: y.columns),
            channels: shape.outputs)
        try pass.parallel(positions, scratch: convolution.scratch(kernels)) { position, scratch in
            convolution.apply(
                y, at: position, to: whole, trim: 0, accumulates: false, silence: silence, kernels: kernels,
                scratch: scratch)
        }
        let run = GroupNormRun(norm, pieces: whole.count, kernels: kernels)
        try pass.parallel(whole.count) { frequency, _ in run.add(whole[frequency], piece: frequency) }
        run.settle(positions: whole.count * y.columns)
        try pass.parallel(target.count) { frequency, _ in
            finish(
                whole[frequency + shape.padding], run, isLast: isLast, onto: target[frequency],
                accumulates: accumulates, kernels: kernels)
        }
        pass.release(whole.plane)
    }
}

/// Norm and activation of a transposed convolution's result, written or added to `target`.
private func finish(
    _ x: Plane, _ norm: GroupNormRun, isLast: Bool, onto target: Plane, accumulates: Bool, kernels: Kernels
) {
    let activation = isLast ? MSActivationNone : MSActivationGELU
    norm.apply(x, to: accumulates ? x : target, activation: activation)
    guard accumulates else { return }
    for row in 0..<target.rows { kernels.accumulate(x.row(row), target.row(row), target.columns) }
}

// MARK: - Over time

/// A decoder layer over time (source: `hdemucs.py`, `HDecLayer` without `freq`).
///
/// x [I][T] → target [O][T · stride]: gelu(norm(convTransposed(dconv(rewrite(x)))))
struct TimeDecoder: Sendable {
    let shape: LayerShape
    /// Whether it is the first after the branches part: only the transposed convolution.
    let isEmpty: Bool
    private let isLast: Bool
    private let convolution: TransposedConvolution
    private let norm: GroupNorm?
    private let dconv: DConv?
    private let rewrite: Rewrite?

    init(_ weights: Weights, shape: LayerShape, isEmpty: Bool, isLast: Bool, configuration: Configuration) throws {
        self.shape = shape
        self.isEmpty = isEmpty
        self.isLast = isLast
        convolution = try weights["conv_tr"].transposedConvolution(
            shape, isFrequency: false, activation: shape.hasNorm || isLast ? MSActivationNone : MSActivationGELU)
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
            y = try pass.plane(rows: x.rows, columns: x.columns)
            try rewrite.apply(x, to: y, pass: pass)
            pass.release(x)
        }
        dconv?.count(pass, columns: y.columns)
        try dconv?.applyGlobally(y, pass: pass)
        return y
    }

    /// The second half: the transposed convolution and its activation, added to what `target` holds (a skip) or written.
    func transpose(_ y: Plane, onto target: Plane, accumulates: Bool, pass: Pass) throws {
        let kernels = pass.kernels
        pass.count(operations: convolution.operations, columns: y.columns)
        let chunks = convolution.chunks(y.columns)
        let scratch = convolution.scratch(kernels, positions: chunks.size)
        guard let norm else {
            return try pass.parallel(chunks.count, scratch: scratch) { index, scratch in
                convolution.apply(
                    y, positions: chunks[index], to: target, trim: shape.padding, accumulates: accumulates,
                    kernels: kernels, scratch: scratch)
            }
        }
        // The norm runs over what is trimmed away, too.
        let whole = try pass.bare(rows: shape.outputs, columns: shape.transposed(y.columns))
        try pass.parallel(chunks.count, scratch: scratch) { index, scratch in
            convolution.apply(
                y, positions: chunks[index], to: whole, trim: 0, accumulates: false, kernels: kernels,
                scratch: scratch)
        }
        let pieces = Chunks(columns: whole.columns, size: 16384)
        let run = GroupNormRun(norm, pieces: pieces.count, kernels: kernels)
        try pass.parallel(pieces.count) { index, _ in run.add(whole.slice(columns: pieces[index]), piece: index) }
        run.settle(positions: whole.columns)
        let results = Chunks(columns: target.columns, size: 16384)
        try pass.parallel(results.count) { index, _ in
            let part = results[index]
            let source = whole.slice(columns: part.lowerBound + shape.padding..<part.upperBound + shape.padding)
            finish(
                source, run, isLast: isLast, onto: target.slice(columns: part), accumulates: accumulates,
                kernels: kernels)
        }
        pass.release(whole)
    }
}
