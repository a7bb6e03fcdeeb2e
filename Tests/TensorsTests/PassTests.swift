import Foundation
import Tensors
import Testing

@Suite struct PassTests {
    @Test(arguments: allKernels.indices, 0..<6)
    func elementwisePassesAreTheNaiveOnes(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 200 + seed)
        let n = random.int(1...300)
        let (x, z, base) = (random.floats(n).map { $0 * 6 }, random.floats(n).map { $0 * 20 }, random.floats(n))
        for (activation, function) in [
            (MSActivationNone, { $0 }), (MSActivationGELU, Naive.gelu), (MSActivationReLU, { max(0, $0) }),
        ] as [(MSActivation, (Double) -> Double)] {
            var y = [Float](repeating: .nan, count: n)
            kernels.affine(x, &y, n, 1.5, -0.25, activation)
            let expected = x.map { Float(function(Double($0) * 1.5 - 0.25)) }
            #expect(normalisedError(y, expected) <= tolerance)
        }
        var y = base
        kernels.gate(x, z, nil, &y, n, 1.5, 0.5, 0.75, -0.5, 2)
        let gated = zip(x, z).map { Float(2 * (Double($0) * 1.5 + 0.5) * Naive.sigmoid(Double($1) * 0.75 - 0.5)) }
        #expect(normalisedError(y, gated) <= tolerance)
        y = base
        y.withUnsafeMutableBufferPointer {
            kernels.gate(x, z, UnsafePointer($0.baseAddress!), $0.baseAddress!, n, 1.5, 0.5, 0.75, -0.5, 2)
        }
        #expect(normalisedError(y, zip(gated, base).map { $0 + $1 }) <= tolerance)
        y = base
        kernels.accumulate(x, &y, n)
        #expect(y == zip(x, base).map { $0 + $1 })
        var moments = [1.0, 2.0]
        kernels.moments(x, n, &moments)
        let sum = x.reduce(0.0) { $0 + Double($1) }
        let squares = x.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(moments[0] - 1 - sum) <= 1e-5 * squares.squareRoot())
        #expect(abs(moments[1] - 2 - squares) <= 1e-5 * squares)
    }

    @Test(arguments: allKernels.indices)
    func exponentialsStayFiniteFarOut(set: Int) {
        let kernels = allKernels[set]
        let far: [Float] = [-1e30, -200, -88, 88, 200, 1e30]
        var y = [Float](repeating: .nan, count: far.count)
        kernels.gate([Float](repeating: 1, count: far.count), far, nil, &y, far.count, 1, 0, 1, 0, 1)
        #expect(zip(y, [0, 0, 0, 1, 1, 1] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 })
        kernels.affine(far, &y, far.count, 1, 0, MSActivationGELU)
        #expect(zip(y, far).allSatisfy { abs($0 - max(0, $1)) <= 1e-6 * max(1, abs($1)) })
    }

    @Test(arguments: allKernels.indices, 0..<4)
    func layerNormIsTheNaiveOne(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 300 + seed)
        let (rows, columns) = (random.int(2...70), random.int(1...60))
        let values = (0..<rows).map { _ in random.floats(columns).map { $0 * 3 + 5 } }
        let (weight, bias) = (random.floats(rows), random.floats(rows))
        let x = Rows(values)
        kernels.layerNorm(
            x.plane.base, x.plane.stride, x.plane.base, x.plane.stride, rows, columns, weight, bias, 1e-5)
        var expected = values
        for column in 0..<columns {
            let mean = values.reduce(0.0) { $0 + Double($1[column]) } / Double(rows)
            let variance = values.reduce(0.0) { $0 + pow(Double($1[column]) - mean, 2) } / Double(rows)
            for row in 0..<rows {
                let z = (Double(values[row][column]) - mean) / (variance + 1e-5).squareRoot()
                expected[row][column] = Float(z * Double(weight[row]) + Double(bias[row]))
            }
        }
        #expect(normalisedError(x.values.flatMap { $0 }, expected.flatMap { $0 }) <= tolerance)
    }

    @Test(arguments: allKernels.indices, 0..<30)
    func interleavingPutsPhasesInPlace(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 400 + seed)
        let (length, stride, count) = (random.int(1...90), seed % 2 == 0 ? 4 : random.int(1...7), random.int(1...30))
        let start = random.int(-20...100)
        let x = random.floats(length)
        var phases = [Float](repeating: .nan, count: stride * 40)
        kernels.deinterleave(x, length, start, stride, &phases, 40, count)
        for phase in 0..<stride {
            for index in 0..<count {
                let at = start + index * stride + phase
                #expect(phases[phase * 40 + index] == (x.indices.contains(at) ? x[at] : 0))
            }
        }
        for adds in [false, true] {
            let source = random.floats(stride * 40)
            let before = random.floats(length)
            var (y, expected) = (before, before)
            kernels.interleave(source, 40, &y, length, start, stride, count, adds)
            for phase in 0..<stride {
                for index in 0..<count where expected.indices.contains(start + index * stride + phase) {
                    let at = start + index * stride + phase
                    expected[at] = source[phase * 40 + index] + (adds ? before[at] : 0)
                }
            }
            #expect(y == expected)
        }
    }
}
