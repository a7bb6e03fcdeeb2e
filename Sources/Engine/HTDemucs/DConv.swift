import Tensors
import Untrusted

/// Residual branches of dilated convolutions over time, in a narrower space (source: `demucs.py`, `DConv`).
///
/// y [C][T], changed in place by one branch after the other, H = C / compression:
///
///     n = gelu(norm(conv₃(y)))  [H][T]        w = norm(conv₁(n))  [2·C][T]        y += layerScale · glu(w)
struct DConv: Sendable {
    struct Branch: Sendable {
        let narrow: Convolution
        let narrowNorm: GroupNorm
        let widen: Convolution
        let widenNorm: GroupNorm
        let scale: FloatMemory
    }

    let channels: Int
    let hidden: Int
    let branches: [Branch]

    init(_ weights: Weights, channels: Int, configuration: Configuration) throws {
        self.channels = channels
        let hidden = Int(clamping: Double(channels) / configuration.dconvCompression)
        guard hidden > 0, hidden < Configuration.widest else {
            throw ModelError.inconsistent(reason: "dconv_comp makes \(hidden) of \(channels) channels")
        }
        self.hidden = hidden
        branches = try (0..<abs(configuration.dconvDepth)).map { index in
            let layer = weights["layers"][index]
            return Branch(
                narrow: try layer[0].convolution(
                    hidden, channels, times: 3, dilation: configuration.dconvDepth > 0 ? 1 << index : 1),
                narrowNorm: try layer[1].norm(groups: 1, channels: hidden),
                widen: try layer[3].convolution(2 * channels, hidden),
                widenNorm: try layer[4].norm(groups: 1, channels: 2 * channels),
                scale: try layer[6].scale(channels))
        }
    }

    /// Counts the operations of all branches.
    func count(_ pass: Pass, columns: Int) {
        for branch in branches {
            pass.count(operations: branch.narrow.operations + branch.widen.operations, columns: columns)
        }
    }

    // MARK: - Over a row of time that is one item of the batch (a frequency)

    /// Scratch for ``applyLocally(_:kernels:scratch:)``.
    func localScratch(_ kernels: Kernels, columns: Int) -> ScratchSize {
        .anyOf(
            branches.map { branch in
                .plane(rows: hidden, columns: columns) + .plane(rows: 2 * channels, columns: columns)
                    + branch.narrowNorm.scratch + branch.widenNorm.scratch + productScratch(branch, kernels)
            })
    }

    /// All branches on a plane that lies in the cache.
    ///
    /// - Parameter y: channels over time, zero for the halo beyond its ends
    func applyLocally(_ y: Plane, kernels: Kernels, scratch: Scratch) {
        for branch in branches {
            var scratch = scratch
            let narrow = scratch.plane(rows: hidden, columns: y.columns)
            let wide = scratch.plane(rows: 2 * channels, columns: y.columns)
            // 1. Dilated convolution, norm, GELU.
            branch.narrow.apply(y, to: narrow, kernels: kernels, scratch: scratch)
            branch.narrowNorm.scales(of: narrow, kernels: kernels, scratch: &scratch)
                .apply(narrow, to: narrow, activation: MSActivationGELU, kernels: kernels)
            // 2. 1×1 convolution, norm, GLU, LayerScale, sum.
            branch.widen.apply(narrow, to: wide, kernels: kernels, scratch: scratch)
            branch.widenNorm.scales(of: wide, kernels: kernels, scratch: &scratch)
                .gate(wide, onto: y, to: y, layerScale: branch.scale, kernels: kernels)
        }
    }

    // MARK: - Over a long row of time in chunks (the waveform)

    /// All branches on a plane that is too long for the cache.
    ///
    /// - Parameters:
    ///   - y: channels over time, changed in place
    ///   - finish: called with each chunk of the result, after the last branch
    func applyGlobally(
        _ y: Plane, pass: Pass, finishScratch: ScratchSize = .none,
        finish: (_ chunk: Range<Int>, _ scratch: Scratch) -> Void = { _, _ in }
    ) throws {
        let kernels = pass.kernels
        let chunks = Chunks.caching(columns: y.columns, rows: channels)
        guard !branches.isEmpty else {
            return try pass.parallel(chunks.count, scratch: finishScratch) { index, scratch in
                finish(chunks[index], scratch)
            }
        }
        let narrow = try pass.bare(rows: hidden, columns: y.columns)
        for (number, branch) in branches.enumerated() {
            let isLast = number == branches.count - 1
            // 1. Dilated convolution and the moments for its norm.
            let narrowNorm = GroupNormRun(branch.narrowNorm, pieces: chunks.count, kernels: kernels)
            try pass.parallel(chunks.count, scratch: branch.narrow.scratch(kernels)) { index, scratch in
                let target = narrow.slice(columns: chunks[index])
                branch.narrow.apply(y.slice(columns: chunks[index]), to: target, kernels: kernels, scratch: scratch)
                narrowNorm.add(target, piece: index)
            }
            narrowNorm.settle(positions: y.columns)
            // 2. Norm, GELU, and the moments for the norm of the 1×1 convolution, whose result is not kept.
            let widenNorm = GroupNormRun(branch.widenNorm, pieces: chunks.count, kernels: kernels)
            let wideScratch = ScratchSize.plane(rows: 2 * channels, columns: chunks.size)
            let widenScratch = wideScratch + branch.widen.scratch(kernels)
            try pass.parallel(chunks.count, scratch: widenScratch) { index, scratch in
                var scratch = scratch
                let source = narrow.slice(columns: chunks[index])
                let wide = scratch.plane(rows: 2 * channels, columns: source.columns)
                narrowNorm.apply(source, to: source, activation: MSActivationGELU)
                branch.widen.apply(source, to: wide, kernels: kernels, scratch: scratch)
                widenNorm.add(wide, piece: index)
            }
            widenNorm.settle(positions: y.columns)
            // 3. The 1×1 convolution again, norm, GLU, LayerScale, sum.
            try pass.parallel(chunks.count, scratch: isLast ? widenScratch | finishScratch : widenScratch) {
                index, scratch in
                let source = narrow.slice(columns: chunks[index])
                let target = y.slice(columns: chunks[index])
                var inner = scratch
                let wide = inner.plane(rows: 2 * channels, columns: source.columns)
                branch.widen.apply(source, to: wide, kernels: kernels, scratch: inner)
                widenNorm.gate(wide, onto: target, to: target, layerScale: branch.scale)
                if isLast { finish(chunks[index], scratch) }
            }
        }
        pass.release(narrow)
    }

    private func productScratch(_ branch: Branch, _ kernels: Kernels) -> ScratchSize {
        branch.narrow.scratch(kernels) | branch.widen.scratch(kernels)
    }
}
