import Tensors
import Testing

/// Each convolution against its definition, for every version of the kernels, over shapes that are drawn at random.
@Suite struct ConvolutionTests {
    private let activations: [(MSActivation, ([[Double]]) -> [[Double]])] = [
        (MSActivationNone, { $0 }), (MSActivationGELU, { $0.map { $0.map(Activation.gelu) } }),
        (
            MSActivationGLU,
            { rows in
                (0..<rows.count / 2).map { row in
                    zip(rows[row], rows[rows.count / 2 + row]).map { $0 * Activation.sigmoid($1) }
                }
            }
        ),
    ]

    @Test(arguments: allKernels.indices, 0..<12)
    func overFrequenciesAndTime(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 600 + seed)
        let (activation, finish) = activations[seed % 3]
        let (inputs, outputs) = (random.int(1...20), random.int(1...20) * (seed % 3 == 2 ? 2 : 1))
        let taps = (frequency: random.int(1...4), time: 2 * random.int(0...1) + 1)
        let (stride, padding, dilation) = (random.int(1...3), random.int(0...2), random.int(1...3))
        let (count, columns) = (random.int(4...7), random.int(1...70))
        let x = (0..<count).map { _ in (0..<inputs).map { _ in kernels.operands(random.floats(columns)) } }
        let weight = kernels.operands(random.floats(outputs * inputs * taps.frequency * taps.time))
        let bias = random.floats(outputs)
        let convolution = Convolution(
            weight: weight, bias: bias, inputs: inputs, taps: taps, stride: stride, padding: padding,
            dilation: dilation, activation: activation, kernels: kernels)
        let expected = Convolution.reference(
            x, weight: weight, bias: bias, taps: taps, stride: stride, padding: padding, dilation: dilation
        ).map(finish)
        let source = Rows(x.flatMap { $0 })
        let silence = Rows([[Float](repeating: 0, count: columns)])
        let addend = FloatMemory(random.floats(convolution.outputs))
        for frequency in expected.indices {
            let y = Rows(rows: convolution.outputs, columns: columns)
            withScratch(convolution.scratch(kernels)) { scratch in
                convolution.apply(
                    Bands(plane: source.plane, channels: inputs), at: frequency, to: y.plane,
                    silence: silence.plane.base, addend: addend.base, kernels: kernels, scratch: scratch)
            }
            let sums = expected[frequency].enumerated().map { row, values in
                values.map { $0 + Double(addend.base[row]) }
            }
            let error = normalisedError(y.values, sums)
            #expect(error <= tolerance, "\(kernels.name) \(inputs)→\(outputs) \(taps) frequency \(frequency): \(error)")
        }
    }

    /// Some columns at a time, on top of what is there.
    @Test(arguments: allKernels.indices, 0..<4)
    func overTimeInChunks(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 700 + seed)
        let (inputs, outputs, columns) = (random.int(1...20), random.int(1...20), random.int(20...150))
        let dilation = random.int(1...3)
        let x = (0..<inputs).map { _ in kernels.operands(random.floats(columns)) }
        let weight = kernels.operands(random.floats(outputs * inputs * 3))
        let bias = random.floats(outputs)
        let convolution = Convolution(
            weight: weight, bias: bias, inputs: inputs, taps: (1, 3), dilation: dilation, kernels: kernels)
        let before = (0..<outputs).map { _ in random.floats(columns) }
        let (source, y) = (Rows(x), Rows(before))
        let chunks = Chunks(columns: columns, size: 17)
        for index in 0..<chunks.count {
            withScratch(convolution.scratch(kernels)) { scratch in
                convolution.apply(
                    source.plane.slice(columns: chunks[index]), to: y.plane.slice(columns: chunks[index]),
                    accumulates: true, kernels: kernels, scratch: scratch)
            }
        }
        let sums = Convolution.reference([x], weight: weight, bias: bias, taps: (1, 3), dilation: dilation)[0]
        let expected = zip(sums, before).map { zip($0, $1).map { $0 + Double($1) } }
        #expect(normalisedError(y.values, expected) <= tolerance)
    }

    @Test(arguments: allKernels.indices, 0..<8)
    func stridedOverTime(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 800 + seed)
        let (inputs, outputs, columns) = (random.int(1...12), random.int(1...20), random.int(20...200))
        let (kernel, stride, padding) = (random.int(1...9), random.int(1...5), random.int(0...2))
        let x = (0..<inputs).map { _ in kernels.operands(random.floats(columns)) }
        let weight = kernels.operands(random.floats(outputs * inputs * kernel))
        let bias = random.floats(outputs)
        let convolution = StridedConvolution(
            weight: weight, bias: bias, inputs: inputs, kernel: kernel, stride: stride, padding: padding,
            activation: MSActivationReLU, kernels: kernels)
        let expected = StridedConvolution.reference(
            x, weight: weight, bias: bias, kernel: kernel, stride: stride, padding: padding
        ).map { $0.map { max(0, $0) } }
        let (source, y) = (Rows(x), Rows(rows: outputs, columns: expected[0].count))
        let chunks = Chunks(columns: expected[0].count, size: random.int(5...expected[0].count + 5))
        for index in 0..<chunks.count {
            withScratch(convolution.scratch(kernels, columns: chunks.size)) { scratch in
                convolution.apply(
                    source.plane, columns: chunks[index], to: y.plane.slice(columns: chunks[index]), kernels: kernels,
                    scratch: scratch)
            }
        }
        let error = normalisedError(y.values, expected)
        #expect(error <= tolerance, "\(kernels.name) \(inputs)→\(outputs) \(kernel)/\(stride): \(error)")
    }

    /// The same transposed convolution over time and over frequencies, trimmed, on top of what is there.
    @Test(arguments: allKernels.indices, 0..<8)
    func transposed(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 900 + seed)
        let (inputs, outputs, count) = (random.int(1...12), random.int(1...12), random.int(2...40))
        let (kernel, stride, trim) = (random.int(2...9), random.int(1...4), random.int(0...1))
        let x = (0..<inputs).map { _ in kernels.operands(random.floats(count)) }
        let weight = kernels.operands(random.floats(inputs * outputs * kernel))
        let bias = random.floats(outputs)
        let convolution = TransposedConvolution(
            weight: weight, bias: bias, inputs: inputs, kernel: kernel, stride: stride,
            activation: MSActivationGELU, kernels: kernels)
        let whole = TransposedConvolution.reference(x, weight: weight, bias: bias, kernel: kernel, stride: stride)
        let length = whole[0].count - 2 * trim
        guard length > 0 else { return }
        let before = (0..<outputs).map { _ in random.floats(length) }
        let expected = zip(whole, before).map { row, before in
            zip(row[trim..<trim + length], before).map { Activation.gelu($0) + Double($1) }
        }
        let (source, y) = (Rows(x, halo: 16), Rows(before))
        let chunks = Chunks(columns: convolution.positions(count), size: random.int(3...50))
        for index in 0..<chunks.count {
            withScratch(convolution.scratch(kernels, positions: chunks.size)) { scratch in
                convolution.apply(
                    source.plane, positions: chunks[index], to: y.plane, trim: trim, accumulates: true,
                    kernels: kernels, scratch: scratch)
            }
        }
        #expect(normalisedError(y.values, expected) <= tolerance, "\(kernels.name), over time")

        // Over frequencies, each a row of two equal columns.
        let turned = Rows((0..<count).flatMap { q in x.map { [$0[q], $0[q]] } })
        let result = Rows((0..<length).flatMap { f in before.map { [$0[f], $0[f]] } })
        let silence = Rows([[0, 0]])
        for position in 0..<convolution.positions(count) {
            withScratch(convolution.scratch(kernels)) { scratch in
                convolution.apply(
                    Bands(plane: turned.plane, channels: inputs), at: position,
                    to: Bands(plane: result.plane, channels: outputs), trim: trim, accumulates: true,
                    silence: silence.plane.base, kernels: kernels, scratch: scratch)
            }
        }
        let rows = (0..<length).flatMap { f in expected.map { [$0[f], $0[f]] } }
        #expect(normalisedError(result.values, rows) <= tolerance, "\(kernels.name), over frequencies")
    }

    @Test(arguments: allKernels.indices, [1, 3])
    func winogradIsThePlainConvolution(set: Int, span: Int) {
        let kernels = allKernels[set]
        guard kernels.precision == .float32 else { return }
        var random = Generator(seed: 1000 + span)
        for (channels, columns) in [(3, 1), (7, 30), (50, 61)] {
            let x = (0..<6).map { _ in (0..<channels).map { _ in random.floats(columns) } }
            let weight = random.floats(2 * channels * channels * span * 3)
            let bias = random.floats(2 * channels)
            let winograd = WinogradGLU(weight: weight, bias: bias, channels: channels, span: span, kernels: kernels)
            let expected = WinogradGLU.reference(x, weight: weight, bias: bias, span: span)
            let (source, y) = (Rows(x.flatMap { $0 }), Rows(rows: 6 * channels, columns: columns))
            let pieces = winograd.pieces(6)
            for piece in 0..<pieces.count {
                withScratch(winograd.scratch(kernels, frequencies: pieces.size, columns: columns)) { scratch in
                    winograd.apply(
                        Bands(plane: source.plane, channels: channels), at: pieces[piece],
                        to: Bands(plane: y.plane, channels: channels), kernels: kernels, scratch: scratch)
                }
            }
            #expect(normalisedError(y.values, expected.flatMap { $0 }) <= 1e-9, "\(kernels.name) \(channels)")
            guard span == 1 else { continue }
            // One frequency in chunks of time.
            let (row, z) = (Rows(x[0]), Rows(rows: channels, columns: columns))
            let chunks = Chunks(columns: columns, size: 16)
            for chunk in 0..<chunks.count {
                withScratch(winograd.scratch(kernels, frequencies: 1, columns: 16)) { scratch in
                    winograd.apply(row.plane, columns: chunks[chunk], to: z.plane, kernels: kernels, scratch: scratch)
                }
            }
            #expect(normalisedError(z.values, expected[0]) <= 1e-9, "\(kernels.name) \(channels), in chunks")
        }
    }
}
