import Foundation
import Pacing
import Tensors
import Testing

/// Random numbers that are the same in every run.
struct Generator: RandomNumberGenerator {
    private var numbers: SeededGenerator

    init(seed: Int) {
        numbers = SeededGenerator(seed: UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    }

    mutating func next() -> UInt64 { numbers.next() }
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in .random(in: -1...1, using: &self) } }
    mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }
}

/// Every version of the kernels that this processor runs.
let allKernels = Kernels.names.compactMap { Kernels(named: $0) }

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
func normalisedError(_ found: [[Float]], _ expected: [[Double]]) -> Double {
    normalisedError(found.flatMap { $0 }, expected.flatMap { $0.map { Float($0) } })
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

/// Rows in memory of their own, for kernels that take row pointers.
final class Rows {
    /// Rows with zeros beside them.
    let plane: Plane
    private let memory: UnsafeMutablePointer<Float>

    init(_ values: [[Float]], halo: Int = 3) {
        let size = Plane.size(rows: values.count, columns: values[0].count, halo: halo)
        memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * size, alignment: 64).bindMemory(
            to: Float.self, capacity: size)
        memory.initialize(repeating: .nan, count: size)
        plane = Plane(in: memory, rows: values.count, columns: values[0].count, halo: halo)
        plane.clearHalo()
        for (row, values) in values.enumerated() { plane.row(row).update(from: values, count: values.count) }
    }

    /// Rows that no number was written to.
    convenience init(rows: Int, columns: Int) {
        self.init([[Float]](repeating: [Float](repeating: .nan, count: columns), count: rows))
    }

    deinit { UnsafeMutableRawPointer(memory).deallocate() }

    var values: [[Float]] {
        (0..<plane.rows).map { Array(UnsafeBufferPointer(start: plane.row($0), count: plane.columns)) }
    }
}

/// Runs `body` with exactly so much aligned scratch memory, which holds no numbers; what lies behind must stay untouched.
func withScratch<Result>(_ size: ScratchSize, _ body: (Scratch) throws -> Result) rethrows -> Result {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * size.count + 64, alignment: 64).bindMemory(
        to: Float.self, capacity: size.count + 16)
    memory.initialize(repeating: .nan, count: size.count)
    (memory + size.count).initialize(repeating: 42, count: 16)
    defer { UnsafeMutableRawPointer(memory).deallocate() }
    let result = try body(Scratch(memory, count: size.count))
    #expect((0..<16).allSatisfy { memory[size.count + $0] == 42 }, "scratch memory was overrun")
    return result
}
