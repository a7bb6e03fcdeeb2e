/// x [F][C][T] → y [F][C][T], a gated convolution of three taps over time and K = 3 or 1 over frequencies
///
///     y[f][c] = z[f][c] · sigmoid(z[f][C + c])
///     z[f][o][t] = b[o] + Σ i,k,l  w[o][i][k][l] · x[f + k − K/2][i][t + l − 1]
///
/// with half the multiplications of the plain product: along time, four outputs come from six products instead of twelve
/// (Winograd's F(4, 3)); over frequencies and channels the products add up as they do otherwise. It costs twice the
/// weights, so only narrower layers use it.
public struct WinogradGLU: Sendable {
    /// Widest layer whose weights are worth doubling.
    public static let widest = 192
    /// Output channels whose products are held at a time.
    private static let blockSize = 48
    /// Frequencies of a piece of work.
    private static let frequencies = 4

    private let channels: Int
    private let span: Int
    /// For each block of output channels, six matrices of its values' rows and then its gates' rows.
    private let blocks: [[PackedMatrix]]
    private let bias: FloatMemory

    /// - Parameters:
    ///   - weight: [2·C][C][K][3]
    ///   - bias: [2·C]
    ///   - span: K
    public init(weight: [Float], bias: [Float], channels: Int, span: Int, kernels: Kernels) {
        self.channels = channels
        self.span = span
        self.bias = FloatMemory(bias)
        let rowSize = channels * span * 3
        let transforms: [(Float, Float, Float)] = [
            (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
            (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
        ]
        let starts = stride(from: 0, to: channels, by: Self.blockSize)
        let columns = (0..<span).flatMap { frequency in (0..<channels).map { $0 * span + frequency } }
        var blocks = starts.map { _ in [PackedMatrix]() }
        for (g0, g1, g2) in transforms {
            var transformed = [Float](repeating: 0, count: weight.count / 3)
            for index in transformed.indices {
                transformed[index] = g0 * weight[3 * index] + g1 * weight[3 * index + 1] + g2 * weight[3 * index + 2]
            }
            for (number, start) in starts.enumerated() {
                let block = start..<min(channels, start + Self.blockSize)
                let rows = (block.map { $0 } + block.map { $0 + channels }).map { $0 * rowSize / 3 }
                blocks[number].append(
                    PackedMatrix(transformed, rowOffsets: rows, depthOffsets: columns, bias: nil, kernels: kernels))
            }
        }
        self.blocks = blocks
    }

    /// Pieces of work for `count` frequencies.
    public func pieces(_ count: Int) -> Chunks { Chunks(columns: count, size: Self.frequencies) }

    /// Pieces of work for a long row of `columns` columns that `threads` threads share.
    public func chunks(_ columns: Int, threads: Int) -> Chunks {
        let share = columns / (3 * threads)
        return Chunks(columns: columns, size: min(max(64, (share + 63) / 64 * 64), 1344))
    }

    /// Scratch for `count` frequencies of `columns` columns.
    public func scratch(_ kernels: Kernels, frequencies count: Int, columns: Int) -> ScratchSize {
        let tiles = (columns + 3) / 4
        return .floats(6 * channels * tiles * (count + span - 1))
            + .floats(6 * 2 * min(channels, Self.blockSize) * tiles * count)
            + .anyOf(blocks[0].map { $0.scratch(kernels) })
    }

    /// A piece of the output frequencies.
    public func apply(_ x: Bands, at piece: Range<Int>, to y: Bands, kernels: Kernels, scratch: Scratch) {
        apply(
            rows: piece.count, columns: x.columns, reach: (1, 1), input: { x.frequency(piece.lowerBound + $0) },
            output: { y[piece.lowerBound + $0] }, kernels: kernels, scratch: scratch)
    }

    /// Some columns of a single frequency; K must be 1.
    public func apply(_ x: Plane, columns: Range<Int>, to y: Plane, kernels: Kernels, scratch: Scratch) {
        let source = x.slice(columns: columns)
        apply(
            rows: 1, columns: columns.count, reach: (columns.lowerBound + 1, x.columns - columns.upperBound + 1),
            input: { _ in source }, output: { _ in y.slice(columns: columns) }, kernels: kernels, scratch: scratch)
    }

    /// - Parameters:
    ///   - count: rows (frequencies), each with all channels
    ///   - input: the channels of a frequency, numbered from the first output row's; nil beyond the ends
    ///   - reach: values beside a row that may be read, before and after
    ///   - output: where the channels of a row go
    private func apply(
        rows count: Int, columns: Int, reach: (Int, Int), input: (Int) -> Plane?, output: (Int) -> Plane,
        kernels: Kernels, scratch: Scratch
    ) {
        var scratch = scratch
        let tiles = (columns + 3) / 4
        // 1. Transformed input [6][channel][frequency][tile].
        let rowSize = tiles * (count + span - 1)
        let inputPlane = channels * rowSize
        let transformed = scratch.floats(6 * inputPlane)
        for row in 0..<count + span - 1 {
            let source = input(row - span / 2)
            for channel in 0..<channels {
                let target = transformed + channel * rowSize + row * tiles
                if let source {
                    kernels.winogradInput(source.row(channel), reach.0, reach.1, columns, target, inputPlane)
                } else {
                    for plane in 0..<6 { (target + plane * inputPlane).update(repeating: 0, count: tiles) }
                }
            }
        }
        // 2. Six products a block of output channels, then back to time and through the gate.
        let productRow = tiles * count
        let products = scratch.floats(6 * 2 * min(channels, Self.blockSize) * productRow)
        for (number, block) in blocks.enumerated() {
            let first = number * Self.blockSize
            let outputs = block[0].rows / 2
            let productPlane = block[0].rows * productRow
            for (plane, matrix) in block.enumerated() {
                matrix.multiply(
                    kernels, columns: productRow,
                    input: { rows in
                        for frequency in 0..<span {
                            let base = transformed + plane * inputPlane + frequency * tiles
                            for channel in 0..<channels {
                                rows[frequency * channels + channel] = base + channel * rowSize
                            }
                        }
                    },
                    output: { rows in
                        let base = products + plane * productPlane
                        for row in 0..<matrix.rows { rows[row] = base + row * productRow }
                    }, scratch: scratch)
            }
            for row in 0..<count {
                let target = output(row)
                for channel in 0..<outputs {
                    kernels.winogradGate(
                        products + channel * productRow + row * tiles,
                        products + (outputs + channel) * productRow + row * tiles, productPlane,
                        bias.base[first + channel], bias.base[channels + first + channel], target.row(first + channel),
                        columns)
                }
            }
        }
    }
}

extension WinogradGLU {
    /// The definition: the plain convolution and the gate, in double precision.
    package static func reference(_ x: [[[Float]]], weight: [Float], bias: [Float], span: Int) -> [[[Double]]] {
        Convolution.reference(x, weight: weight, bias: bias, taps: (span, 3), padding: span / 2).map { z in
            (0..<z.count / 2).map { c in zip(z[c], z[z.count / 2 + c]).map { $0 * Activation.sigmoid($1) } }
        }
    }
}
