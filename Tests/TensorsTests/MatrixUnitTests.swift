import Tensors
import Testing

/// Products of the matrix unit's kernels are, bit for bit, what Intel's manual says of TDPBF16PS and VCVTNE2PS2BF16: in
/// portable C on every processor, and where there is a unit, of the unit itself.
@Suite struct MatrixUnitTests {
    private static let versions = ["amx-portable", "amx"].compactMap { Kernels(named: $0) }

    /// Zero in place of a number below the normal ones.
    private func flushed(_ x: Float) -> Float { x.isSubnormal ? (x.sign == .minus ? -0.0 : 0.0) : x }

    /// Eight significant bits, to nearest even.
    private func rounded(_ x: Float) -> Float {
        let bits = flushed(x).bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    /// The instruction on one sum: 32 terms, the even ones and the odd ones in a chain each.
    private func dot(_ sum: Float, _ weights: ArraySlice<Float>, _ inputs: ArraySlice<Float>) -> Float {
        var chains: [Float] = [0, 0]
        for (index, (a, b)) in zip(weights, inputs).enumerated() {
            chains[index % 2] = flushed(chains[index % 2].addingProduct(flushed(a), flushed(b)))
        }
        return flushed(flushed(sum) + flushed(chains[0] + chains[1]))
    }

    private func product(
        _ kernels: Kernels, weights: [[Float]], bias: [Float], input: [[Float]]
    ) -> [[Float]] {
        let depth = input.count
        let matrix = PackedMatrix(
            linear: weights.flatMap { $0 }, rows: weights.count, depth: depth, bias: bias, kernels: kernels)
        let (source, target) = (Rows(input), Rows(rows: weights.count, columns: input[0].count))
        withScratch(matrix.scratch(kernels)) {
            matrix.multiply(source.plane, to: target.plane, kernels: kernels, scratch: $0)
        }
        return target.values
    }

    /// Numbers of all sizes, so that sums are inexact in every step; in one of three cases also so small that products and
    /// sums leave the normal numbers. Sums cut into blocks (beyond 2,048 terms) are the same as uncut ones.
    @Test(arguments: versions.indices, 0..<9)
    func sumsAreTheInstructions(version: Int, seed: Int) {
        let kernels = Self.versions[version]
        var random = Generator(seed: 1100 + seed)
        let depth = seed == 8 ? 2500 : random.int(1...150)
        let (rows, columns) = (random.int(1...70), random.int(1...70))
        func number() -> Float {
            let magnitude = Float.random(in: 1..<2, using: &random)
            let exponent = seed % 3 == 0 ? random.int(-70 ... -50) : random.int(-12...12)
            return Float(sign: random.int(0...1) == 0 ? .plus : .minus, exponent: exponent, significand: magnitude)
        }
        let weights = (0..<rows).map { _ in (0..<depth).map { _ in number() } }
        let input = (0..<depth).map { _ in (0..<columns).map { _ in number() } }
        let bias = (0..<rows).map { _ in seed % 3 == 0 ? number() * 0x1p-60 : number() }
        let found = product(kernels, weights: weights, bias: bias, input: input)
        let padding = [Float](repeating: 0, count: 32)
        var wrong = 0
        for row in 0..<rows {
            let a = weights[row].map(rounded) + padding
            for column in 0..<columns {
                let b = input.map { rounded($0[column]) } + padding
                var sum = bias[row]
                for k in Swift.stride(from: 0, to: depth, by: 32) { sum = dot(sum, a[k..<k + 32], b[k..<k + 32]) }
                // What follows a sum (· 1 + 0) makes no -0.
                if found[row][column].bitPattern != (sum + 0).bitPattern { wrong += 1 }
            }
        }
        #expect(wrong == 0, "\(kernels.name): \(wrong) of \(rows * columns) sums over \(depth) terms")
    }

    /// The facts about single numbers that a unit was asked for.
    @Test(arguments: versions.indices)
    func smallAndSpecialNumbersAreTheInstructions(version: Int) {
        let kernels = Self.versions[version]
        let tiny = Float(bitPattern: 0x0040_0000)
        let cases: [(weight: Float, input: Float, bias: Float, expected: Float)] = [
            (tiny, 0x1p127, 0, 0), (1, tiny, 0, 0), (0, 0, tiny, 0), (0x1p-100, 0x1p-30, 0, 0),
            (0x1p-100, 0x1p-26, 0, 0x1p-126), (0x1p100, 0x1p100, 0, .infinity), (1, 1.00390625, 0, 1),
            (1, 1.01171875, 0, 1.015625), (1, -0x1.01p0, 0, -1), (3, .infinity, 0, .infinity),
        ]
        for (weight, input, bias, expected) in cases {
            let found = product(kernels, weights: [[weight]], bias: [bias], input: [[input]])
            #expect(found == [[expected]], "\(kernels.name): \(weight) · \(input) + \(bias)")
        }
        #expect(product(kernels, weights: [[1]], bias: [0], input: [[.nan]])[0][0].isNaN)
    }

    /// Where there is a unit: the same bits as its meaning, for all shapes.
    @Test(.enabled(if: Kernels(named: "amx") != nil), arguments: 0..<20)
    func theUnitIsItsMeaning(seed: Int) throws {
        var random = Generator(seed: 1200 + seed)
        let (rows, depth, columns) = (random.int(1...150), random.int(1...3000), random.int(1...150))
        let weights = (0..<rows).map { _ in random.floats(depth) }
        let input = (0..<depth).map { _ in random.floats(columns) }
        let bias = random.floats(rows)
        let results = Self.versions.map { product($0, weights: weights, bias: bias, input: input) }
        #expect(results.count == 2 && results[0] == results[1])
    }
}
