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
        withScratch(matrix.scratch(kernels)) { scratch in
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
        let expected = PackedMatrix.reference(weights, bias: bias, activation: activation, x: input).enumerated().map {
            row, values in
            values.enumerated().map { column, y -> Float in
                if !accumulates && row == discarded { return before[row][column] }
                let y = y * Double(scale?[row] ?? 1) + Double(addend?[row] ?? 0)
                return Float(y) + (accumulates ? before[row][column] : 0)
            }
        }
        let error = normalisedError(target.values.flatMap { $0 }, expected.flatMap { $0 })
        #expect(error <= tolerance, "\(kernels.name) \(rows)×\(depth)×\(columns): \(error)")
    }

    @Test(arguments: allKernels.indices, 0..<8)
    func attentionIsTheNaiveSoftmax(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 100 + seed)
        let (heads, width) = (random.int(1...2), random.int(1...70))
        let tokens = [random.int(1...40), random.int(200...600)][seed % 2]
        let columns = random.int(1...100)
        // Large scores test the running maximum.
        let size: Float = seed % 3 == 0 ? 8 : 1
        let q = (0..<heads * width).map { _ in random.floats(columns).map { $0 * size } }
        let k = (0..<heads * width).map { _ in random.floats(tokens).map { $0 * size } }
        let v = (0..<heads * width).map { _ in random.floats(tokens) }
        let rows = Rows(q)
        let needed = KeyValues.size(heads: heads, width: width, tokens: tokens, kernels: kernels)
        withScratch(.floats(needed)) { scratch in
            var scratch = scratch
            let keyValues = KeyValues(
                in: scratch.floats(needed), heads: heads, width: width, tokens: tokens, kernels: kernels)
            keyValues.clear()
            // In blocks, as the model stores them.
            for chunk in [0..<tokens / 3, tokens / 3..<tokens] where !chunk.isEmpty {
                keyValues.store(Rows((k + v).map { Array($0[chunk]) }).plane, firstToken: chunk.lowerBound)
            }
            withScratch(keyValues.scratch) { scratch in
                for head in 0..<heads { keyValues.attend(rows.plane, head: head, scratch: scratch) }
            }
        }
        let expected = (0..<heads).flatMap { head in
            let part = head * width..<(head + 1) * width
            return KeyValues.reference(Array(q[part]), Array(k[part]), Array(v[part]))
        }
        let error = normalisedError(rows.values, expected)
        // Rounded to bfloat16, scores of 50 are off by a tenth, and so are their weights.
        let tolerance = kernels.precision == .float32 ? tolerance : size > 1 ? 5e-3 : 5e-5
        #expect(error <= tolerance, "\(kernels.name) \(width)×\(tokens)×\(columns): \(error)")
    }
}
