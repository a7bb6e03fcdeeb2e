/// Convolutions over frequencies and over time, each as a product whose input rows are pointers into the tensor: nothing is
/// copied, taps in time are shifted pointers, and what lies beyond the ends is read from the rows' halos.

// MARK: - Convolution

/// x [F][I][T] → y [F'][O][T], F' = (F + 2·padding − K) / stride + 1
///
///     y[f][o][t] = act(b[o] + Σ i,k,l  w[o][i][k][l] · x[f·stride + k − padding][i][t + (l − L/2)·dilation])
///
/// K taps over frequencies with a stride, L (an odd number of) taps over time. Under GLU, w has 2·O rows.
/// The rows of x must have a halo of L/2·dilation zeros.
public struct Convolution: Sendable {
    /// Channels in.
    public let inputs: Int
    /// Channels out.
    public var outputs: Int { matrix.outputRows }
    private let taps: (frequency: Int, time: Int)
    private let stride: Int
    private let padding: Int
    private let dilation: Int
    private let matrix: PackedMatrix

    /// - Parameters:
    ///   - weight: [O][I][K][L]
    ///   - bias: [O]
    ///   - taps: K and L
    public init(
        weight: [Float], bias: [Float], inputs: Int, taps: (frequency: Int, time: Int), stride: Int = 1,
        padding: Int = 0, dilation: Int = 1, activation: MSActivation = MSActivationNone, kernels: Kernels
    ) {
        self.inputs = inputs
        self.taps = taps
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        let count = taps.frequency * taps.time
        matrix = PackedMatrix(
            weight, rowOffsets: bias.indices.map { $0 * inputs * count },
            depthOffsets: (0..<count).flatMap { tap in (0..<inputs).map { $0 * count + tap } }, bias: bias,
            activation: activation, kernels: kernels)
    }

    /// Floating-point operations for each column of each frequency.
    public var operations: Int { matrix.operations }

    /// Scratch for a frequency, or for any columns of a plane.
    public func scratch(_ kernels: Kernels) -> ScratchSize { matrix.scratch(kernels) }

    /// y[frequency]
    ///
    /// - Parameters:
    ///   - silence: a row of zeros with the halo of x, read in place of frequencies beyond the ends
    ///   - addend: one number a channel to add
    public func apply(
        _ x: Bands, at frequency: Int, to y: Plane, silence: UnsafeMutablePointer<Float>,
        addend: UnsafePointer<Float>? = nil, kernels: Kernels, scratch: Scratch
    ) {
        matrix.multiply(
            kernels, columns: x.columns,
            input: { rows in
                var index = 0
                for tap in 0..<taps.frequency {
                    let source = x.frequency(frequency * stride + tap - padding)
                    for shift in 0..<taps.time {
                        if let source {
                            rows.set(source, at: index, shift: (shift - taps.time / 2) * dilation)
                        } else {
                            rows.repeating(silence, at: index, count: inputs)
                        }
                        index += inputs
                    }
                }
            },
            output: { $0.set(y) }, addend: addend, scratch: scratch)
    }

    /// The same of a single frequency x [I][T], or of some of its columns, written or added to y; K must be 1.
    public func apply(
        _ x: Plane, to y: Plane, addend: UnsafePointer<Float>? = nil, accumulates: Bool = false, kernels: Kernels,
        scratch: Scratch
    ) {
        matrix.multiply(
            kernels, columns: x.columns,
            input: { rows in
                for tap in 0..<taps.time { rows.set(x, at: tap * inputs, shift: (tap - taps.time / 2) * dilation) }
            },
            output: { $0.set(y) }, addend: addend, accumulates: accumulates, scratch: scratch)
    }
}

extension Convolution {
    /// The sum above, in double precision, before the activation: [F'][rows of w][T].
    package static func reference(
        _ x: [[[Float]]], weight: [Float], bias: [Float], taps: (frequency: Int, time: Int), stride: Int = 1,
        padding: Int = 0, dilation: Int = 1
    ) -> [[[Double]]] {
        let (inputs, columns) = (x[0].count, x[0][0].count)
        return (0..<(x.count + 2 * padding - taps.frequency) / stride + 1).map { frequency in
            bias.indices.map { output in
                (0..<columns).map { column in
                    var sum = Double(bias[output])
                    for input in 0..<inputs {
                        for k in 0..<taps.frequency {
                            for l in 0..<taps.time {
                                let f = frequency * stride + k - padding
                                let t = column + (l - taps.time / 2) * dilation
                                guard x.indices.contains(f), (0..<columns).contains(t) else { continue }
                                let place = ((output * inputs + input) * taps.frequency + k) * taps.time + l
                                sum += Double(weight[place]) * Double(x[f][input][t])
                            }
                        }
                    }
                    return sum
                }
            }
        }
    }
}

// MARK: - Strided convolution over time

/// x [I][T] → y [O][T'], T' = (T + 2·padding − K) / stride + 1
///
///     y[o][t] = act(b[o] + Σ i,k  w[o][i][k] · x[i][t·stride + k − padding])
///
/// Every `stride`-th value of a row first goes to a row of its own, a phase; over phases the convolution has K / stride
/// steps and stride 1, so its input rows are again shifted pointers.
public struct StridedConvolution: Sendable {
    private let inputs: Int
    private let stride: Int
    private let padding: Int
    private let steps: Int
    private let matrix: PackedMatrix
    /// Floating-point operations for each column.
    public let operations: Int

    /// - Parameters:
    ///   - weight: [O][I][K]
    ///   - bias: [O]
    public init(
        weight: [Float], bias: [Float], inputs: Int, kernel: Int, stride: Int, padding: Int,
        activation: MSActivation, kernels: Kernels
    ) {
        self.inputs = inputs
        self.stride = stride
        self.padding = padding
        steps = (kernel + stride - 1) / stride
        operations = 2 * bias.count * inputs * kernel
        // Filled up to whole steps.
        let taps = steps * stride
        let filled = lengthened(weight, runs: kernel, to: taps)
        matrix = PackedMatrix(
            filled, rowOffsets: bias.indices.map { $0 * inputs * taps },
            depthOffsets: (0..<taps).flatMap { tap in (0..<inputs).map { $0 * taps + tap } }, bias: bias,
            activation: activation, kernels: kernels)
    }

    /// Scratch for `columns` columns of the output.
    public func scratch(_ kernels: Kernels, columns: Int) -> ScratchSize {
        .plane(rows: stride * inputs, columns: columns + steps - 1) + matrix.scratch(kernels)
    }

    /// Columns `columns` of the output to `y`.
    public func apply(_ x: Plane, columns: Range<Int>, to y: Plane, kernels: Kernels, scratch: Scratch) {
        var scratch = scratch
        // Rows (phase, channel).
        let phases = scratch.plane(rows: stride * inputs, columns: columns.count + steps - 1)
        for channel in 0..<inputs {
            kernels.deinterleave(
                x.row(channel), x.columns, columns.lowerBound * stride - padding, stride, phases.row(channel),
                inputs * phases.stride, phases.columns)
        }
        matrix.multiply(
            kernels, columns: columns.count,
            input: { rows in for step in 0..<steps { rows.set(phases, at: step * phases.rows, shift: step) } },
            output: { $0.set(y) }, scratch: scratch)
    }
}

extension StridedConvolution {
    /// The sum above, in double precision, before the activation.
    package static func reference(
        _ x: [[Float]], weight: [Float], bias: [Float], kernel: Int, stride: Int, padding: Int
    ) -> [[Double]] {
        bias.indices.map { output in
            (0..<(x[0].count + 2 * padding - kernel) / stride + 1).map { column in
                var sum = Double(bias[output])
                for input in x.indices {
                    for k in 0..<kernel where x[input].indices.contains(column * stride + k - padding) {
                        sum +=
                            Double(weight[(output * x.count + input) * kernel + k])
                            * Double(x[input][column * stride + k - padding])
                    }
                }
                return sum
            }
        }
    }
}

/// Runs of `length` numbers, each followed by zeros up to `filled`.
func lengthened(_ values: [Float], runs length: Int, to filled: Int) -> [Float] {
    guard filled > length else { return values }
    var result = [Float](repeating: 0, count: values.count / length * filled)
    for run in 0..<values.count / length {
        for index in 0..<length { result[run * filled + index] = values[run * length + index] }
    }
    return result
}
