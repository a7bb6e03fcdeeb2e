import Foundation
import Tensors

/// Random numbers that are the same in every run.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in .random(in: -1...1, using: &self) } }
    mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }
}

/// Every version of the kernels that this processor runs.
let allKernels = ["baseline", "openblas", "avx2", "avx512", "avx512bf16"].compactMap { Kernels(named: $0) }

extension Kernels {
    /// Numbers as products take them: what bfloat16 rounds off is not the product's error.
    func operands(_ values: [Float]) -> [Float] {
        guard precision == .bfloat16 else { return values }
        return values.map { value in
            let unit = Float(sign: .plus, exponent: value.exponent - 7, significand: 1)
            return value == 0 ? 0 : (value / unit).rounded(.toNearestOrEven) * unit
        }
    }
}

/// Squared error over squared signal.
func normalisedError(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var error = 0.0
    var signal = 0.0
    for (found, expected) in zip(found, expected) {
        guard found.isFinite else { return .infinity }
        error += Double(found - expected) * Double(found - expected)
        signal += Double(expected) * Double(expected)
    }
    return error / max(signal, 1e-30)
}

/// What an operation may be off by.
let tolerance = 1e-10

/// The plain definitions, in double precision.
enum Naive {
    static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// [rows][depth] times [depth][columns] plus bias.
    static func product(_ weights: [Float], _ bias: [Float], _ input: [[Float]]) -> [[Double]] {
        bias.indices.map { row in
            input[0].indices.map { column in
                input.indices.reduce(Double(bias[row])) {
                    $0 + Double(weights[row * input.count + $1]) * Double(input[$1][column])
                }
            }
        }
    }

    /// Attention of one head: queries, keys, values [width][tokens].
    static func attention(_ q: [[Float]], _ k: [[Float]], _ v: [[Float]], scale: Double) -> [[Float]] {
        var out = q.map { $0.map { _ in Float(0) } }
        for query in q[0].indices {
            let scores = k[0].indices.map { key in
                q.indices.reduce(0.0) { $0 + Double(q[$1][query]) * Double(k[$1][key]) } * scale
            }
            let highest = scores.max() ?? 0
            let weights = scores.map { exp($0 - highest) }
            let total = weights.reduce(0, +)
            for d in v.indices {
                out[d][query] = Float(zip(weights, v[d]).reduce(0.0) { $0 + $1.0 * Double($1.1) } / total)
            }
        }
        return out
    }
}

/// Rows in memory of their own, for kernels that take row pointers.
final class Rows {
    let plane: Plane
    private let memory: UnsafeMutablePointer<Float>

    init(_ values: [[Float]], halo: Int = 3) {
        let size = Plane.size(rows: values.count, columns: values[0].count, halo: halo)
        memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * size, alignment: 64).bindMemory(
            to: Float.self, capacity: size)
        memory.initialize(repeating: .nan, count: size)
        plane = Plane(in: memory, rows: values.count, columns: values[0].count, halo: halo)
        for (row, values) in values.enumerated() { plane.row(row).update(from: values, count: values.count) }
    }

    deinit { UnsafeMutableRawPointer(memory).deallocate() }

    var values: [[Float]] {
        (0..<plane.rows).map { Array(UnsafeBufferPointer(start: plane.row($0), count: plane.columns)) }
    }
}

/// Runs `body` with aligned scratch memory that holds no numbers.
func withScratch<Result>(_ count: Int, _ body: (Scratch) throws -> Result) rethrows -> Result {
    let size = Scratch.size(floats: count)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * size + 64, alignment: 64).bindMemory(
        to: Float.self, capacity: size)
    memory.initialize(repeating: .nan, count: size)
    defer { UnsafeMutableRawPointer(memory).deallocate() }
    return try body(Scratch(memory, count: size))
}
