import Tensors
import Untrusted

/// Residual branches of dilated convolutions over time, in a narrower space (source: `demucs.py`, `DConv`).
struct DConv: Sendable {
    struct Branch: Sendable {
        let narrow: PackedMatrix
        let narrowNorm: GroupNorm
        let widen: PackedMatrix
        let widenNorm: GroupNorm
        let scale: FloatMemory
        let dilation: Int
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
                narrow: try layer[0].convolution(hidden, channels, kernel: [3]),
                narrowNorm: try layer[1].norm(groups: 1, channels: hidden),
                widen: try layer[3].convolution(2 * channels, hidden, kernel: [1]),
                widenNorm: try layer[4].norm(groups: 1, channels: 2 * channels),
                scale: try layer[6].scale(channels),
                dilation: configuration.dconvDepth > 0 ? 1 << index : 1)
        }
    }

    /// Operations a column.
    func count(_ pass: Pass, columns: Int) {
        for _ in branches {
            pass.count(rows: hidden, depth: 3 * channels, columns: columns)
            pass.count(rows: 2 * channels, depth: hidden, columns: columns)
        }
    }

    // MARK: - Over a row of time that is one item of the batch (a frequency)

    func localScratch(_ kernels: Kernels, columns: Int) -> Int {
        guard let branch = branches.first else { return 0 }
        return Plane.size(rows: hidden + 2 * channels, columns: columns, halo: 0) + 64
            + Scratch.size(floats: 4 * channels) + 64 + productScratch(branch, kernels)
    }

    /// y = y + branch(y), one branch after the other, in place.
    ///
    /// - Parameter y: channels over time, zero for the halo beyond its ends
    func applyLocally(_ y: Plane, kernels: Kernels, scratch: Scratch) {
        var scratch = scratch
        guard !branches.isEmpty else { return }
        let narrow = scratch.plane(rows: hidden, columns: y.columns, halo: 0)
        let wide = scratch.plane(rows: 2 * channels, columns: y.columns, halo: 0)
        let coefficients = scratch.floats(4 * channels)
        for branch in branches {
            // 1. Dilated convolution, norm, GELU.
            narrowed(y, to: narrow, by: branch, kernels: kernels, scratch: scratch)
            normalise(narrow, branch.narrowNorm, positions: y.columns, coefficients, kernels)
            // 2. 1×1 convolution, norm, GLU, LayerScale, sum.
            widened(narrow, to: wide, by: branch, kernels: kernels, scratch: scratch)
            withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { sums in
                sums.initialize(repeating: 0)
                branch.widenNorm.add(wide, to: sums.baseAddress!, kernels: kernels)
                branch.widenNorm.coefficients(sums.baseAddress!, count: 2 * channels * y.columns, into: coefficients)
            }
            gate(wide, onto: y, to: y, by: branch, coefficients, kernels)
        }
    }

    private func normalise(
        _ plane: Plane, _ norm: GroupNorm, positions: Int, _ coefficients: UnsafeMutablePointer<Float>,
        _ kernels: Kernels
    ) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { sums in
            sums.initialize(repeating: 0)
            norm.add(plane, to: sums.baseAddress!, kernels: kernels)
            norm.coefficients(sums.baseAddress!, count: plane.rows * positions, into: coefficients)
        }
        activate(plane, coefficients, kernels)
    }

    // MARK: - Over a long row of time in chunks (the waveform)

    /// The same over a plane that is too long for the cache.
    ///
    /// - Parameters:
    ///   - y: channels over time, changed in place
    ///   - finish: called with each chunk of the result, after the last branch
    func applyGlobally(
        _ y: Plane, pass: Pass, finishScratch: Int, finish: (_ chunk: Range<Int>, _ scratch: Scratch) -> Void
    ) throws {
        let kernels = pass.kernels
        let chunks = Chunks.caching(columns: y.columns, rows: channels)
        guard !branches.isEmpty else {
            return try pass.parallel(chunks.count, scratch: finishScratch) { index, scratch in
                finish(chunks[index], scratch)
            }
        }
        let narrow = try pass.plane(rows: hidden, columns: y.columns, halo: 0)
        let wideScratch = Plane.size(rows: 2 * channels, columns: chunks.size, halo: 0) + 64
        let coefficients = try pass.numbers(4 * channels)
        for (number, branch) in branches.enumerated() {
            let isLast = number == branches.count - 1
            let productScratch = productScratch(branch, kernels)
            // 1. Dilated convolution and the sums for its norm.
            let narrowSums = PartialMoments(pieces: chunks.count, groups: 1)
            try pass.parallel(chunks.count, scratch: productScratch) { index, scratch in
                let target = narrow.slice(columns: chunks[index])
                narrowed(y.slice(columns: chunks[index]), to: target, by: branch, kernels: kernels, scratch: scratch)
                branch.narrowNorm.add(target, to: narrowSums[index], kernels: kernels)
            }
            pass.serial {
                branch.narrowNorm.coefficients(narrowSums.total(), count: hidden * y.columns, into: coefficients)
            }
            // 2. Norm, GELU, and the sums for the norm of the 1×1 convolution, whose result is not kept.
            let wideSums = PartialMoments(pieces: chunks.count, groups: 1)
            try pass.parallel(chunks.count, scratch: wideScratch + productScratch) { index, scratch in
                var scratch = scratch
                let source = narrow.slice(columns: chunks[index])
                let wide = scratch.plane(rows: 2 * channels, columns: source.columns, halo: 0)
                activate(source, coefficients, kernels)
                widened(source, to: wide, by: branch, kernels: kernels, scratch: scratch)
                branch.widenNorm.add(wide, to: wideSums[index], kernels: kernels)
            }
            pass.serial {
                branch.widenNorm.coefficients(wideSums.total(), count: 2 * channels * y.columns, into: coefficients)
            }
            // 3. The 1×1 convolution again, norm, GLU, LayerScale, sum.
            let size = wideScratch + max(productScratch, isLast ? finishScratch : 0)
            try pass.parallel(chunks.count, scratch: size) { index, scratch in
                let source = narrow.slice(columns: chunks[index])
                let target = y.slice(columns: chunks[index])
                var inner = scratch
                let wide = inner.plane(rows: 2 * channels, columns: source.columns, halo: 0)
                widened(source, to: wide, by: branch, kernels: kernels, scratch: inner)
                gate(wide, onto: target, to: target, by: branch, coefficients, kernels)
                if isLast { finish(chunks[index], scratch) }
            }
        }
        pass.release(coefficients)
        pass.release(narrow, halo: 0)
    }

    // MARK: - Steps

    private func productScratch(_ branch: Branch, _ kernels: Kernels) -> Int {
        max(branch.narrow.scratchSize(kernels), branch.widen.scratchSize(kernels))
    }

    private func narrowed(_ y: Plane, to target: Plane, by branch: Branch, kernels: Kernels, scratch: Scratch) {
        branch.narrow.multiply(
            kernels, columns: y.columns,
            input: { rows in
                for tap in 0..<3 { rows.set(y, at: tap * channels, shift: (tap - 1) * branch.dilation) }
            },
            output: { $0.set(target) }, scratch: scratch)
    }

    private func widened(_ narrow: Plane, to wide: Plane, by branch: Branch, kernels: Kernels, scratch: Scratch) {
        branch.widen.multiply(
            kernels, columns: narrow.columns, input: { $0.set(narrow) }, output: { $0.set(wide) }, scratch: scratch)
    }

    private func activate(_ plane: Plane, _ coefficients: UnsafePointer<Float>, _ kernels: Kernels) {
        for row in 0..<plane.rows {
            kernels.affine(
                plane.row(row), plane.row(row), plane.columns, coefficients[row], coefficients[plane.rows + row],
                MSActivationGELU)
        }
    }

    private func gate(
        _ wide: Plane, onto base: Plane, to target: Plane, by branch: Branch, _ coefficients: UnsafePointer<Float>,
        _ kernels: Kernels
    ) {
        let shifts = coefficients + 2 * channels
        for row in 0..<channels {
            kernels.gate(
                wide.row(row), wide.row(channels + row), base.row(row), target.row(row), wide.columns,
                coefficients[row], shifts[row], coefficients[channels + row], shifts[channels + row],
                branch.scale.base[row])
        }
    }
}
