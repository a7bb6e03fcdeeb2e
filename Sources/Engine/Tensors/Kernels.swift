@_exported import CKernels

/// What the operands of products are rounded to, where the processor has fast products for it.
public enum Precision: String, Sendable, CaseIterable {
    /// Single precision: 24 significant bits.
    case float32
    /// bfloat16: 8 significant bits, and where the processor multiplies it, several times the speed.
    case bfloat16 = "bf16"
}

/// The numerical kernels for one instruction set.
///
/// `@unchecked Sendable`: points to a constant table of functions.
@dynamicMemberLookup
public struct Kernels: @unchecked Sendable, CustomStringConvertible {
    private let table: UnsafePointer<MSKernels>

    /// The fastest kernels that this processor runs, in single precision.
    public static var best: Kernels { best(for: .float32) }

    /// The fastest kernels for a precision; those in single precision where the processor has none that are faster.
    public static func best(for precision: Precision) -> Kernels { KernelChoice.measured(for: precision).kernels }

    /// The kernels of that name: `amx`, `avx512bf16`, `avx512`, `avx2`, `openblas`, `baseline`, or `amx-portable`, which
    /// computes what `amx` does on any processor, slowly; nil when the processor cannot run them, or the system does not
    /// let this process use the matrix unit.
    public init?(named name: String) {
        guard let table = MSKernelsNamed(name) else { return nil }
        self.table = table
    }

    /// The names of all versions, the fastest first.
    public static let names = ["amx", "avx512bf16", "avx512", "avx2", "openblas", "baseline", "amx-portable"]

    /// What operands of products are rounded to. Sums and norms are in single precision, always; so is softmax, but for
    /// exponentials that are no more exact than bfloat16 weights need.
    public var precision: Precision { self.bfloat16 ? .bfloat16 : .float32 }

    /// The instruction set's name.
    public var name: String { String(cString: table.pointee.name) }

    /// What they compute in, for a log: "float32 (avx512)".
    public var description: String { "\(precision.rawValue) (\(name))" }

    /// The kernels and the sizes of their tiles; see `CKernels.h`.
    public subscript<Value>(dynamicMember path: KeyPath<MSKernels, Value>) -> Value { table.pointee[keyPath: path] }
}

/// Which version of the kernels computes, and the rates that decided it.
///
/// Instruction sets do not say how fast they are: a product of bfloat16 pairs runs at twice the rate of float32 on some
/// processors and at half of it on others. So the versions that a processor has are measured once in a process, for about
/// 20 ms.
public struct KernelChoice: Sendable, CustomStringConvertible {
    /// What a version reached.
    public struct Rate: Sendable {
        /// The version's name.
        public let name: String
        /// Billions of floating-point operations a second of a product in the cache, on one core.
        public let gigaflops: Double
    }

    /// What computes.
    public let kernels: Kernels
    /// What was measured, the preferred version first; empty where there was no choice.
    public let rates: [Rate]

    /// A version that somebody chose.
    public init(_ kernels: Kernels) { self.init(kernels: kernels, rates: []) }

    private init(kernels: Kernels, rates: [Rate]) {
        self.kernels = kernels
        self.rates = rates
    }

    /// The fastest version for a precision; one in single precision where none of that precision is faster.
    public static func measured(for precision: Precision) -> KernelChoice {
        precision == .float32 ? float32 : bfloat16
    }

    private static let float32 = fastest(of: ["avx512", "avx2"], otherwise: ["openblas", "baseline"])
    private static let bfloat16 = fastest(of: ["amx", "avx512bf16"] + [float32.kernels.name], otherwise: [])

    /// The first version, unless a later one is clearly faster: the choice must not depend on what else the machine does.
    private static func fastest(of names: [String], otherwise others: [String]) -> KernelChoice {
        var candidates = names.compactMap { Kernels(named: $0) }
        if candidates.isEmpty { candidates = others.compactMap { Kernels(named: $0) }.prefix(1).map { $0 } }
        guard candidates.count > 1 else {
            guard let only = candidates.first else { preconditionFailure("there is no baseline") }
            return KernelChoice(only)
        }
        let rates = productRates(of: candidates)
        var best = 0
        for index in rates.indices where rates[index] > 1.15 * rates[best] { best = index }
        return KernelChoice(
            kernels: candidates[best],
            rates: zip(candidates, rates).map { Rate(name: $0.name, gigaflops: $1) })
    }

    /// Billions of operations a second of a product of 96 × 192 by 192 × 384 numbers on this thread, the best of some
    /// rounds in which all take turns.
    public static func productRates(of candidates: [Kernels]) -> [Double] {
        let (rows, depth, columns, products, rounds) = (96, 192, 384, 8, 5)
        let numbers = (0..<rows * depth).map { Float($0 % 7) - 3 }
        var rates = [Double](repeating: 0, count: candidates.count)
        let matrices = candidates.map {
            PackedMatrix(linear: numbers, rows: rows, depth: depth, bias: nil, kernels: $0)
        }
        let size =
            .plane(rows: depth, columns: columns) + .plane(rows: rows, columns: columns)
            + ScratchSize.anyOf(zip(matrices, candidates).map { $0.scratch($1) })
        let memory = FloatMemory(count: size.count) { memory in
            for index in 0..<depth * columns { memory[index] = Float(index % 7) }
        }
        var scratch = Scratch(UnsafeMutablePointer(mutating: memory.base), count: memory.count)
        let input = scratch.plane(rows: depth, columns: columns)
        let output = scratch.plane(rows: rows, columns: columns)
        for _ in 0..<rounds {
            for (index, matrix) in matrices.enumerated() {
                let start = ContinuousClock.now
                for _ in 0..<products {
                    matrix.multiply(input, to: output, kernels: candidates[index], scratch: scratch)
                }
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                rates[index] = max(rates[index], 2e-9 * Double(rows * depth * columns * products) / max(seconds, 1e-9))
            }
        }
        return rates
    }

    /// The choice, for a log: "bf16 (amx); GFLOP/s a core: amx 1800, avx512bf16 72, avx512 110".
    public var description: String {
        guard !rates.isEmpty else { return "\(kernels)" }
        return "\(kernels); GFLOP/s a core: "
            + rates.map { "\($0.name) \(Int($0.gigaflops.rounded()))" }.joined(separator: ", ")
    }
}
