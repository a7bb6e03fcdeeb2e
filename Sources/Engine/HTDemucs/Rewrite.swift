import Tensors

/// The convolution that doubles the channels and gates one half with the other (`rewrite` in `hdemucs.py`).
///
/// x [F][C][T] → y [F][C][T], or without F: y = glu(norm(conv(x))), the convolution over 1 + 2·context taps in every
/// dimension, the norm only where the layer has norms.
struct Rewrite: Sendable {
    private enum Method: Sendable {
        /// The convolution with the gate in it.
        case fused(Convolution)
        /// The same with half the multiplications.
        case winograd(WinogradGLU)
        /// A norm over all positions lies between the convolution and the gate.
        case normed(Convolution, GroupNorm)
    }

    private let channels: Int
    private let method: Method
    /// As the definition counts them, for each column of each frequency.
    private let operations: Int
    /// Whether a position needs none but itself, so that the result can follow in the same piece of work.
    let isPointwise: Bool

    init(
        _ weights: Weights, normName: String, channels: Int, context: Int, isFrequency: Bool,
        configuration: Configuration, hasNorm: Bool
    ) throws {
        self.channels = channels
        let taps = 1 + 2 * context
        isPointwise = context == 0 && !hasNorm
        let part = weights["rewrite"]
        func convolution(_ activation: MSActivation) throws -> Convolution {
            try part.convolution(
                2 * channels, channels, frequencies: isFrequency ? taps : nil, times: taps,
                padding: isFrequency ? context : 0, activation: activation)
        }
        if hasNorm {
            let norm = try weights[normName].norm(groups: configuration.normGroups, channels: 2 * channels)
            let plain = try convolution(MSActivationNone)
            method = .normed(plain, norm)
            operations = plain.operations
        } else if context == 1 && channels <= WinogradGLU.widest && part.kernels.precision == .float32 {
            operations = 2 * 2 * channels * channels * 3 * (isFrequency ? 3 : 1)
            // In bfloat16 the plain product is as fast, and the transform would multiply its rounding.
            method = .winograd(
                WinogradGLU(
                    weight: try part.take("weight", [2 * channels, channels] + (isFrequency ? [taps, taps] : [taps])),
                    bias: try part.take("bias", [2 * channels]), channels: channels, span: isFrequency ? 3 : 1,
                    kernels: part.kernels))
        } else {
            let fused = try convolution(MSActivationGLU)
            method = .fused(fused)
            operations = fused.operations
        }
    }

    /// Scratch that one pointwise rewrite takes.
    func pointwiseScratch(_ kernels: Kernels) -> ScratchSize {
        if case .fused(let convolution) = method { convolution.scratch(kernels) } else { .none }
    }

    /// A pointwise rewrite of one plane to another, with a constant added to each channel.
    func apply(_ x: Plane, to y: Plane, addend: UnsafePointer<Float>?, kernels: Kernels, scratch: Scratch) {
        guard case .fused(let convolution) = method else { return }
        convolution.apply(x, to: y, addend: addend, kernels: kernels, scratch: scratch)
    }

    func count(_ pass: Pass, columns: Int) { pass.count(operations: operations, columns: columns) }

    /// Any rewrite, over frequencies.
    ///
    /// - Parameter finish: what happens to each frequency's result while it is in the cache
    func apply(
        _ x: Bands, to y: Bands, pass: Pass, finishScratch: ScratchSize = .none,
        finish: (_ frequency: Int, _ scratch: Scratch) -> Void = { _, _ in }
    ) throws {
        count(pass, columns: x.columns * x.count)
        let kernels = pass.kernels
        let silence = try pass.silence(columns: x.columns)
        switch method {
        case .fused(let convolution):
            try pass.parallel(x.count, scratch: convolution.scratch(kernels) | finishScratch) { frequency, scratch in
                convolution.apply(
                    x, at: frequency, to: y[frequency], silence: silence, kernels: kernels, scratch: scratch)
                finish(frequency, scratch)
            }
        case .winograd(let winograd):
            let pieces = winograd.pieces(x.count)
            let size = winograd.scratch(kernels, frequencies: pieces.size, columns: x.columns)
            try pass.parallel(pieces.count, scratch: size | finishScratch) { index, scratch in
                winograd.apply(x, at: pieces[index], to: y, kernels: kernels, scratch: scratch)
                for frequency in pieces[index] { finish(frequency, scratch) }
            }
        case .normed(let convolution, let norm):
            let wide = Bands(
                plane: try pass.bare(rows: x.count * 2 * channels, columns: x.columns), channels: 2 * channels)
            let run = GroupNormRun(norm, pieces: x.count, kernels: kernels)
            try pass.parallel(x.count, scratch: convolution.scratch(kernels)) { frequency, scratch in
                convolution.apply(
                    x, at: frequency, to: wide[frequency], silence: silence, kernels: kernels, scratch: scratch)
                run.add(wide[frequency], piece: frequency)
            }
            run.settle(positions: x.count * x.columns)
            try pass.parallel(x.count, scratch: finishScratch) { frequency, scratch in
                run.gate(wide[frequency], to: y[frequency])
                finish(frequency, scratch)
            }
            pass.release(wide.plane)
        }
    }

    /// Any rewrite, over time; `y` must not be `x`.
    func apply(_ x: Plane, to y: Plane, pass: Pass) throws {
        count(pass, columns: x.columns)
        let kernels = pass.kernels
        let chunks = Chunks.caching(columns: x.columns, rows: channels)
        switch method {
        case .fused(let convolution):
            try pass.parallel(chunks.count, scratch: convolution.scratch(kernels)) { index, scratch in
                convolution.apply(
                    x.slice(columns: chunks[index]), to: y.slice(columns: chunks[index]), kernels: kernels,
                    scratch: scratch)
            }
        case .winograd(let winograd):
            let chunks = winograd.chunks(x.columns, threads: pass.threads)
            let size = winograd.scratch(kernels, frequencies: 1, columns: chunks.size)
            try pass.parallel(chunks.count, scratch: size) { index, scratch in
                winograd.apply(x, columns: chunks[index], to: y, kernels: kernels, scratch: scratch)
            }
        case .normed(let convolution, let norm):
            let wide = try pass.bare(rows: 2 * channels, columns: x.columns)
            let run = GroupNormRun(norm, pieces: chunks.count, kernels: kernels)
            try pass.parallel(chunks.count, scratch: convolution.scratch(kernels)) { index, scratch in
                let target = wide.slice(columns: chunks[index])
                convolution.apply(x.slice(columns: chunks[index]), to: target, kernels: kernels, scratch: scratch)
                run.add(target, piece: index)
            }
            run.settle(positions: x.columns)
            try pass.parallel(chunks.count) { index, _ in
                run.gate(wide.slice(columns: chunks[index]), to: y.slice(columns: chunks[index]))
            }
            pass.release(wide)
        }
    }
}
