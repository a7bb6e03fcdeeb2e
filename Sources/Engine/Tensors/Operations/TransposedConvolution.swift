/// x [I][Q] → y [O][(Q − 1)·stride + K], over frequencies or over time:
///
///     y[o][q·stride + phase] = act(b[o] + Σ i,step  w[i][o][step·stride + phase] · x[i][q − step])
///
/// One product gives all phases of a position q, for 0 ≤ q < Q + steps − 1; what falls off the ends of the target, which
/// leaves out the first `trim` outputs, is discarded.
public struct TransposedConvolution: Sendable {
    private let inputs: Int
    private let outputs: Int
    private let stride: Int
    private let steps: Int
    /// Rows (phase, output channel), columns (step, input channel).
    private let matrix: PackedMatrix
    /// Floating-point operations for each position of the input.
    public let operations: Int

    /// - Parameters:
    ///   - weight: [I][O][K]
    ///   - bias: [O]
    public init(
        weight: [Float], bias: [Float], inputs: Int, kernel: Int, stride: Int, activation: MSActivation,
        kernels: Kernels
    ) {
        self.inputs = inputs
        self.stride = stride
        outputs = bias.count
        steps = (kernel + stride - 1) / stride
        operations = 2 * inputs * bias.count * kernel
        // Filled up to whole steps.
        let (outputs, steps, taps) = (outputs, steps, steps * stride)
        matrix = PackedMatrix(
            lengthened(weight, runs: kernel, to: taps),
            rowOffsets: (0..<stride).flatMap { phase in (0..<outputs).map { $0 * taps + phase } },
            depthOffsets: (0..<steps).flatMap { step in (0..<inputs).map { $0 * outputs * taps + step * stride } },
            bias: (0..<stride).flatMap { _ in bias }, activation: activation, kernels: kernels)
    }

    /// Positions that an input of `count` gives outputs at.
    public func positions(_ count: Int) -> Int { count + steps - 1 }

    // MARK: - Over frequencies

    /// Scratch for a position.
    public func scratch(_ kernels: Kernels) -> ScratchSize { matrix.scratch(kernels) }

    /// Writes or adds the output frequencies position·stride ..< (position + 1)·stride.
    ///
    /// - Parameters:
    ///   - trim: outputs before the first one of `target`
    ///   - silence: a row of zeros, read in place of frequencies beyond the ends
    public func apply(
        _ x: Bands, at position: Int, to target: Bands, trim: Int, accumulates: Bool,
        silence: UnsafeMutablePointer<Float>, kernels: Kernels, scratch: Scratch
    ) {
        matrix.multiply(
            kernels, columns: x.columns,
            input: { rows in
                for step in 0..<steps {
                    if let source = x.frequency(position - step) {
                        rows.set(source, at: step * inputs)
                    } else {
                        rows.repeating(silence, at: step * inputs, count: inputs)
                    }
                }
            },
            output: { rows in
                for phase in 0..<stride {
                    if let frequency = target.frequency(position * stride + phase - trim) {
                        rows.set(frequency, at: phase * outputs)
                    } else {
                        rows.repeating(nil, at: phase * outputs, count: outputs)
                    }
                }
            }, accumulates: accumulates, scratch: scratch)
    }

    // MARK: - Over time

    /// Scratch for `count` positions.
    public func scratch(_ kernels: Kernels, positions count: Int) -> ScratchSize {
        .plane(rows: stride * outputs, columns: count) + matrix.scratch(kernels)
    }

    /// Positions that stay in the L2 cache together with what becomes of them.
    public func chunks(_ count: Int) -> Chunks {
        .caching(columns: positions(count), rows: max(inputs, stride * outputs))
    }

    /// Writes or adds the outputs of some positions. The rows of x must have a halo of `steps` zeros.
    public func apply(
        _ x: Plane, positions: Range<Int>, to target: Plane, trim: Int, accumulates: Bool, kernels: Kernels,
        scratch: Scratch
    ) {
        var scratch = scratch
        let phases = scratch.plane(rows: stride * outputs, columns: positions.count)
        let source = x.slice(columns: positions)
        matrix.multiply(
            kernels, columns: positions.count,
            input: { rows in for step in 0..<steps { rows.set(source, at: step * inputs, shift: -step) } },
            output: { $0.set(phases) }, scratch: scratch)
        for channel in 0..<outputs {
            kernels.interleave(
                phases.row(channel), outputs * phases.stride, target.row(channel), target.columns,
                positions.lowerBound * stride - trim, stride, positions.count, accumulates)
        }
    }
}

extension TransposedConvolution {
    /// The sum above over time, in double precision, before the activation and untrimmed.
    package static func reference(
        _ x: [[Float]], weight: [Float], bias: [Float], kernel: Int, stride: Int
    ) -> [[Double]] {
        bias.indices.map { output in
            var row = [Double](repeating: Double(bias[output]), count: (x[0].count - 1) * stride + kernel)
            for input in x.indices {
                for (q, value) in x[input].enumerated() {
                    for k in 0..<kernel {
                        row[q * stride + k] +=
                            Double(value) * Double(weight[(input * bias.count + output) * kernel + k])
                    }
                }
            }
            return row
        }
    }
}
