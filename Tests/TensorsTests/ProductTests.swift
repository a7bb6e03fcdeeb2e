import Tensors
import Testing

@Suite struct ProductTests {
    @Test(arguments: allKernels.indices, 0..<24)
    func isTheNaiveProduct(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: seed)
        let activation = [
            MSActivationNone, MSActivationGELU, MSActivationReLU, MSActivationGLU,
        ][seed % 4]
        let isGated = activation == MSActivationGLU
        let rows = random.int(1...(seed % 5 == 0 ? 20 : 90)) * (isGated ? 2 : 1)
        // Beyond one block of the sums, and columns beyond one group of strips.
        let depth = seed % 3 == 0 ? random.int(380...1300) : random.int(1...200)
        let columns = seed % 5 == 0 ? random.int(600...1500) : random.int(1...120)
        let outputs = isGated ? rows / 2 : rows
        let weights = kernels.operands(random.floats(rows * depth))
        let bias = random.floats(rows)
        let input = (0..<depth).map { _ in kernels.operands(random.floats(columns)) }
        let before = (0..<outputs).map { _ in random.floats(columns) }
        let scale = seed % 2 == 0 ? random.floats(outputs) : nil
        let addend = seed % 7 < 3 ? random.floats(outputs) : nil
        let accumulates = seed % 8 < 4

        let matrix = PackedMatrix(
            linear: weights, rows: rows, depth: depth, bias: bias, activation: activation, kernels: kernels)
        let source = Rows(input)
        let target = Rows(before)
        let discarded = outputs / 2
        withScratch(matrix.scratchSize(kernels)) { scratch in
            let scales = scale.map(FloatMemory.init)
            let addends = addend.map(FloatMemory.init)
            matrix.multiply(
                kernels, columns: columns,
                input: { pointers in for row in 0..<depth { pointers[row] = source.plane.row(row) } },
                output: { pointers in
                    for row in 0..<outputs { pointers[row] = target.plane.row(row) }
                    if !accumulates { pointers[discarded] = nil }
                }, scale: scales?.base, addend: addends?.base, accumulates: accumulates, scratch: scratch)
        }
        let sums = Naive.product(weights, bias, input)
        let expected = (0..<outputs).map { row in
            (0..<columns).map { column -> Float in
                var y = sums[row][column]
                switch activation {
                case MSActivationGELU: y = Naive.gelu(y)
                case MSActivationReLU: y = max(0, y)
                case MSActivationGLU: y *= Naive.sigmoid(sums[row + outputs][column])
                default: break
                }
                if !accumulates && row == discarded { return before[row][column] }
                y = y * Double(scale?[row] ?? 1) + Double(addend?[row] ?? 0)
                return Float(y) + (accumulates ? before[row][column] : 0)
            }
        }
        let error = normalisedError(target.values.flatMap { $0 }, expected.flatMap { $0 })
        #expect(error <= tolerance, "\(kernels.name) \(rows)×\(depth)×\(columns): \(error)")
    }

    @Test(arguments: allKernels.indices)
    func shiftedRowsMakeAConvolution(set: Int) {
        // y[t] = Σ w[tap] x[t + (tap - 1) · 2], zero beyond the ends.
        let kernels = allKernels[set]
        let x: [Float] = (0..<37).map { Float($0 % 7) - 3 }
        let matrix = PackedMatrix(linear: [1, 10, 100], rows: 1, depth: 3, bias: [0.5], kernels: kernels)
        let source = Rows([x], halo: 8)
        source.plane.clearHalo(8)
        let target = Rows([[Float](repeating: 0, count: 37)])
        withScratch(matrix.scratchSize(kernels)) { scratch in
            matrix.multiply(
                kernels, columns: 37,
                input: { rows in for tap in 0..<3 { rows[tap] = source.plane.base + (tap - 1) * 2 } },
                output: { $0[0] = target.plane.base }, scratch: scratch)
        }
        let expected = x.indices.map { t in
            0.5 + (t >= 2 ? x[t - 2] : 0) + 10 * x[t] + (t + 2 < 37 ? 100 * x[t + 2] : 0)
        }
        #expect(normalisedError(target.values[0], expected) <= tolerance)
    }

    @Test(arguments: allKernels.indices, 0..<8)
    func attentionIsTheNaiveSoftmax(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 100 + seed)
        let width = random.int(1...70)
        let keys = [random.int(1...40), random.int(200...600)][seed % 2]
        let columns = random.int(1...100)
        // Large scores test the running maximum.
        let size: Float = seed % 3 == 0 ? 8 : 1
        let q = (0..<width).map { _ in random.floats(columns).map { $0 * size } }
        let k = (0..<width).map { _ in random.floats(keys).map { $0 * size } }
        let v = (0..<width).map { _ in random.floats(keys) }
        let panel = kernels.panel
        let keyPanels = FloatMemory(
            count: PackedPanels.size(rows: keys, panel: panel, depth: width, terms: kernels.terms)
        ) { memory in
            let panels = PackedPanels(memory, panel: panel, depth: width, terms: kernels.terms)
            for d in 0..<width { panels.store(k[d], count: keys, firstRow: 0, term: d) }
        }
        let valuePanels = FloatMemory(
            count: PackedPanels.size(rows: width, panel: panel, depth: keys, terms: kernels.terms)
        ) { memory in
            let panels = PackedPanels(memory, panel: panel, depth: keys, terms: kernels.terms)
            for d in 0..<width { panels.store(v[d], count: keys, row: d, firstTerm: 0) }
        }
        let rows = Rows(q)
        let needed = kernels.attentionScratch(width)
        withScratch(needed) { scratch in
            var scratch = scratch
            var attention = MSAttention()
            attention.keyPanels = keyPanels.base
            attention.valuePanels = valuePanels.base
            attention.keys = keys
            attention.width = width
            attention.queries = UnsafePointer(rows.plane.base)
            attention.output = rows.plane.base
            attention.queryStride = rows.plane.stride
            attention.outputStride = rows.plane.stride
            attention.columns = columns
            attention.scale = 1 / Float(width).squareRoot()
            attention.scratch = scratch.floats(needed)
            kernels.attention(&attention)
        }
        let expected = Naive.attention(q, k, v, scale: 1 / Double(width).squareRoot())
        let error = normalisedError(rows.values.flatMap { $0 }, expected.flatMap { $0 })
        // Rounded to bfloat16, scores of 50 are off by a tenth, and so are their weights.
        let tolerance = kernels.precision == .float32 ? tolerance : size > 1 ? 5e-3 : 5e-5
        #expect(error <= tolerance, "\(kernels.name) \(width)×\(keys)×\(columns): \(error)")
    }
}
