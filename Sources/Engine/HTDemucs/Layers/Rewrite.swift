import Tensors

/// The convolution that doubles the channels and gates one half with the other (`rewrite` in `hdemucs.py`).
struct Rewrite: Sendable {
    let channels: Int
    let context: Int
    /// Whether its kernel also spans frequencies.
    let isFrequency: Bool
    let norm: GroupNorm?
    private let product: Product

    private enum Product: Sendable {
        case plain(PackedMatrix)
        case winograd(WinogradRewrite)
    }

    init(
        _ weights: Weights, normName: String, channels: Int, context: Int, isFrequency: Bool,
        configuration: Configuration, hasNorm: Bool
    ) throws {
        self.channels = channels
        self.context = context
        self.isFrequency = isFrequency
        norm =
            hasNorm
            ? try weights[normName].norm(groups: configuration.normGroups, channels: 2 * channels) : nil
        let taps = 1 + 2 * context
        let kernel = isFrequency ? [taps, taps] : [taps]
        let part = weights["rewrite"]
        // In bfloat16 the plain product is as fast, and the transform would multiply its rounding.
        if !hasNorm && context == 1 && channels <= WinogradRewrite.widest && part.kernels.terms == 1 {
            product = .winograd(
                WinogradRewrite(
                    weight: try part.take("weight", [2 * channels, channels] + kernel),
                    bias: try part.take("bias", [2 * channels]), channels: channels, span: isFrequency ? 3 : 1,
                    kernels: part.kernels))
        } else {
            product = .plain(
                try part.convolution(
                    2 * channels, channels, kernel: kernel, activation: hasNorm ? MSActivationNone : MSActivationGLU))
        }
    }

    /// Scratch that one pointwise product takes.
    func pointwiseScratch(_ kernels: Kernels) -> Int {
        if case .plain(let matrix) = product { matrix.scratchSize(kernels) } else { 0 }
    }

    private func count(_ pass: Pass, columns: Int) {
        let taps = 1 + 2 * context
        pass.count(rows: 2 * channels, depth: channels * taps * (isFrequency ? taps : 1), columns: columns)
    }

    /// Whether a position needs none but itself, so that the result can follow in the same piece of work.
    var isPointwise: Bool { context == 0 && norm == nil }

    /// A pointwise rewrite of one plane to another, with a constant added to each channel.
    func apply(_ x: Plane, to target: Plane, addend: UnsafePointer<Float>?, kernels: Kernels, scratch: Scratch) {
        guard case .plain(let matrix) = product else { return }
        matrix.multiply(
            kernels, columns: x.columns, input: { $0.set(x) }, output: { $0.set(target) }, addend: addend,
            scratch: scratch)
    }

    /// Any rewrite, over frequencies.
    ///
    /// - Parameter finish: what happens to each frequency's result while it is in the cache
    func apply(
        _ x: Bands, to target: Bands, pass: Pass, halo: Int, finishScratch: Int = 0,
        finish: (_ frequency: Int, _ scratch: Scratch) -> Void = { _, _ in }
    ) throws {
        count(pass, columns: x.columns * x.count)
        let kernels = pass.kernels
        guard case .plain(let matrix) = product else {
            return try applyWinograd(x, to: target, pass: pass, finishScratch: finishScratch, finish: finish)
        }
        let blank = try pass.plane(rows: 1, columns: x.columns, halo: halo)
        try pass.parallel(1) { _, _ in blank.row(0).update(repeating: 0, count: blank.columns) }
        let matrixScratch = matrix.scratchSize(kernels)
        func rows(around frequency: Int, _ rows: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>) {
            var index = 0
            for frequency in frequency - context...frequency + context {
                for shift in -context...context {
                    if frequency >= 0 && frequency < x.count {
                        rows.set(x[frequency], at: index, shift: shift)
                    } else {
                        rows.repeating(blank.base, at: index, count: channels)
                    }
                    index += channels
                }
            }
        }
        if let norm {
            let wide = Bands(
                plane: try pass.plane(rows: x.count * 2 * channels, columns: x.columns, halo: 0), channels: 2 * channels
            )
            let sums = PartialMoments(pieces: x.count, groups: norm.groups)
            try pass.parallel(x.count, scratch: matrixScratch) { frequency, scratch in
                matrix.multiply(
                    kernels, columns: x.columns, input: { rows(around: frequency, $0) },
                    output: { $0.set(wide[frequency]) }, scratch: scratch)
                norm.add(wide[frequency], to: sums[frequency], kernels: kernels)
            }
            let coefficients = try pass.numbers(norm.coefficientCount)
            pass.serial {
                norm.coefficients(
                    sums.total(), count: norm.channelsInGroup * x.count * x.columns, into: coefficients)
            }
            try pass.parallel(x.count, scratch: finishScratch) { frequency, scratch in
                gate(wide[frequency], to: target[frequency], coefficients, kernels)
                finish(frequency, scratch)
            }
            pass.release(coefficients)
            pass.release(wide.plane, halo: 0)
        } else {
            try pass.parallel(x.count, scratch: max(matrixScratch, finishScratch)) { frequency, scratch in
                matrix.multiply(
                    kernels, columns: x.columns, input: { rows(around: frequency, $0) },
                    output: { $0.set(target[frequency]) }, scratch: scratch)
                finish(frequency, scratch)
            }
        }
        pass.release(blank, halo: halo)
    }

    /// Any rewrite, over time; `target` must not be `x`.
    func apply(_ x: Plane, to target: Plane, pass: Pass) throws {
        count(pass, columns: x.columns)
        let kernels = pass.kernels
        guard case .plain(let matrix) = product else { return try applyWinograd(x, to: target, pass: pass) }
        let chunks = Chunks.caching(columns: x.columns, rows: channels)
        let matrixScratch = matrix.scratchSize(kernels)
        func multiply(_ chunk: Range<Int>, to target: Plane, scratch: Scratch) {
            let source = x.slice(columns: chunk)
            matrix.multiply(
                kernels, columns: chunk.count,
                input: { rows in
                    for tap in 0...2 * context { rows.set(source, at: tap * channels, shift: tap - context) }
                },
                output: { $0.set(target.slice(columns: chunk)) }, scratch: scratch)
        }
        guard let norm else {
            return try pass.parallel(chunks.count, scratch: matrixScratch) { index, scratch in
                multiply(chunks[index], to: target, scratch: scratch)
            }
        }
        let wide = try pass.plane(rows: 2 * channels, columns: x.columns, halo: 0)
        let sums = PartialMoments(pieces: chunks.count, groups: norm.groups)
        try pass.parallel(chunks.count, scratch: matrixScratch) { index, scratch in
            multiply(chunks[index], to: wide, scratch: scratch)
            norm.add(wide.slice(columns: chunks[index]), to: sums[index], kernels: kernels)
        }
        let coefficients = try pass.numbers(norm.coefficientCount)
        pass.serial {
            norm.coefficients(sums.total(), count: norm.channelsInGroup * x.columns, into: coefficients)
        }
        try pass.parallel(chunks.count) { index, _ in
            gate(
                wide.slice(columns: chunks[index]), to: target.slice(columns: chunks[index]), coefficients, kernels)
        }
        pass.release(coefficients)
        pass.release(wide, halo: 0)
    }

    private func gate(_ wide: Plane, to target: Plane, _ coefficients: UnsafePointer<Float>, _ kernels: Kernels) {
        let shifts = coefficients + 2 * channels
        for row in 0..<channels {
            kernels.gate(
                wide.row(row), wide.row(channels + row), nil, target.row(row), wide.columns, coefficients[row],
                shifts[row], coefficients[channels + row], shifts[channels + row], 1)
        }
    }

    private func applyWinograd(
        _ x: Bands, to target: Bands, pass: Pass, finishScratch: Int,
        finish: (_ frequency: Int, _ scratch: Scratch) -> Void
    ) throws {
        guard case .winograd(let winograd) = product else { return }
        let kernels = pass.kernels
        let pieces = winograd.pieces(x.count)
        let size = winograd.scratchSize(rows: pieces.size, columns: x.columns, kernels: kernels)
        try pass.parallel(pieces.count, scratch: max(size, finishScratch)) { index, scratch in
            let piece = pieces[index]
            winograd.apply(
                rows: piece.count, columns: x.columns, reach: (1, 1),
                input: { x.frequency(piece.lowerBound + $0) }, output: { target[piece.lowerBound + $0] },
                kernels: kernels, scratch: scratch)
            for frequency in piece { finish(frequency, scratch) }
        }
    }

    private func applyWinograd(_ x: Plane, to target: Plane, pass: Pass) throws {
        guard case .winograd(let winograd) = product else { return }
        let kernels = pass.kernels
        let share = x.columns / (3 * pass.threads)
        let chunks = Chunks(columns: x.columns, size: min(max(64, (share + 63) / 64 * 64), 1344))
        let size = winograd.scratchSize(rows: 1, columns: chunks.size, kernels: kernels)
        try pass.parallel(chunks.count, scratch: size) { index, scratch in
            let chunk = chunks[index]
            let source = x.slice(columns: chunk)
            winograd.apply(
                rows: 1, columns: chunk.count, reach: (chunk.lowerBound + 1, x.columns - chunk.upperBound + 1),
                input: { _ in source }, output: { _ in target.slice(columns: chunk) }, kernels: kernels,
                scratch: scratch)
        }
    }
}
