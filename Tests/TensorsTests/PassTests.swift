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
            (MSActivationNone, { $0 }), (MSActivationGELU, Activation.gelu), (MSActivationReLU, { max(0, $0) }),
        ] as [(MSActivation, (Double) -> Double)] {
            var y = [Float](repeating: .nan, count: n)
            kernels.affine(x, &y, n, 1.5, -0.25, activation)
            let expected = x.map { Float(function(Double($0) * 1.5 - 0.25)) }
            #expect(normalisedError(y, expected) <= tolerance)
        }
        var y = base
        kernels.gate(x, z, nil, &y, n, 1.5, 0.5, 0.75, -0.5, 2)
        let gated = zip(x, z).map { Float(2 * (Double($0) * 1.5 + 0.5) * Activation.sigmoid(Double($1) * 0.75 - 0.5)) }
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
        LayerNorm(weight: FloatMemory(weight), bias: FloatMemory(bias)).apply(x.plane, to: x.plane, kernels: kernels)
        #expect(normalisedError(x.values, LayerNorm.reference(values, weight: weight, bias: bias)) <= tolerance)
    }

    /// In pieces and at once, followed by an activation or by a gate on top of a residual.
    @Test(arguments: allKernels.indices, 0..<6)
    func groupNormIsTheNaiveOne(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 500 + seed)
        let groups = random.int(1...4)
        let (rows, columns) = (2 * groups * random.int(1...6), random.int(2...200))
        let values = (0..<rows).map { _ in random.floats(columns).map { $0 * 3 + 1 } }
        let (weight, bias) = (random.floats(rows), random.floats(rows))
        let norm = GroupNorm(groups: groups, weight: FloatMemory(weight), bias: FloatMemory(bias))
        let expected = GroupNorm.reference(values, groups: groups, weight: weight, bias: bias)
        let x = Rows(values)

        let chunks = Chunks(columns: columns, size: random.int(1...columns))
        let run = GroupNormRun(norm, pieces: chunks.count, kernels: kernels)
        for piece in 0..<chunks.count { run.add(x.plane.slice(columns: chunks[piece]), piece: piece) }
        run.settle(positions: columns)
        let y = Rows(rows: rows, columns: columns)
        run.apply(x.plane, to: y.plane, activation: MSActivationGELU)
        #expect(normalisedError(y.values, expected.map { $0.map(Activation.gelu) }) <= 1e-9)

        let (base, layerScale) = ((0..<rows / 2).map { _ in random.floats(columns) }, random.floats(rows / 2))
        let target = Rows(base)
        withScratch(norm.scratch) { scratch in
            var scratch = scratch
            norm.scales(of: x.plane, kernels: kernels, scratch: &scratch).gate(
                x.plane, onto: target.plane, to: target.plane, layerScale: FloatMemory(layerScale), kernels: kernels)
        }
        let gated = (0..<rows / 2).map { row in
            (0..<columns).map { column in
                Double(base[row][column])
                    + Double(layerScale[row]) * expected[row][column]
                    * Activation.sigmoid(expected[rows / 2 + row][column])
            }
        }
        #expect(normalisedError(target.values, gated) <= 1e-9)
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

    /// Sources of very different levels, one of them silent, with channels that are nearly or exactly alike.
    @Test(arguments: allKernels.indices, 0..<8)
    func aWienerRoundIsItsDefinition(set: Int, seed: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: 700 + seed)
        let (sources, channels, frames) = (random.int(1...5), 1 + seed % 2, random.int(1...40))
        let likeness = Float([0, 0.999, 1][seed % 3])
        func rows(level: Float) -> [[Float]] {
            var rows = (0..<2 * channels).map { _ in random.floats(frames).map { $0 * level } }
            for row in 2..<max(2, 2 * channels) {
                for t in 0..<frames { rows[row][t] += likeness * (rows[row - 2][t] - rows[row][t]) }
            }
            return rows
        }
        let x = rows(level: 3)
        let y = (0..<sources).flatMap { rows(level: $0 == 1 ? 0 : pow(10, Float(-$0))) }
        let round = WienerRound(sources: sources, channels: channels, unit: 0.7)
        let (mixture, estimates) = (Rows(x), Rows(y))
        withScratch(round.scratch(kernels, frames: frames)) {
            round.apply(mixture.plane, estimates.plane, kernels: kernels, scratch: $0)
        }
        #expect(normalisedError(estimates.values, round.reference(x, y)) <= tolerance)
    }
}
