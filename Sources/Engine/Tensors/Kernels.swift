@_exported import CKernels

/// What the operands of products are rounded to, where the processor has fast products for it.
public enum Precision: String, Sendable, CaseIterable {
    /// Single precision: 24 significant bits.
    case float32
    /// bfloat16: 8 significant bits, and 1.5 to 1.7 times the speed.
    case bfloat16 = "bf16"
}

/// The numerical kernels for one instruction set.
///
/// `@unchecked Sendable`: points to a constant table of functions.
@dynamicMemberLookup
public struct Kernels: @unchecked Sendable, CustomStringConvertible {
    private let table: UnsafePointer<MSKernels>

    /// The fastest kernels that this processor runs, in single precision.
    public static let best = Kernels(table: MSKernelsBest())

    /// The fastest kernels for a precision; those in single precision where the processor has none for it.
    public static func best(for precision: Precision) -> Kernels {
        switch precision {
        case .float32: best
        case .bfloat16: Kernels(named: "avx512bf16") ?? best
        }
    }

    private init(table: UnsafePointer<MSKernels>) { self.table = table }

    /// The kernels of that name: `avx512bf16`, `avx512`, `avx2`, `openblas` or `baseline`;
    /// nil when the processor cannot run them.
    public init?(named name: String) {
        guard let table = MSKernelsNamed(name) else { return nil }
        self.table = table
    }

    /// What operands of products are rounded to. Sums and norms are in single precision, always; so is softmax, but for
    /// exponentials that are no more exact than bfloat16 weights need.
    public var precision: Precision { self.terms == 2 ? .bfloat16 : .float32 }

    /// The instruction set's name.
    public var name: String { String(cString: table.pointee.name) }

    /// What they compute in, for a log: "float32 (avx512)".
    public var description: String { "\(precision.rawValue) (\(name))" }

    /// The kernels and the sizes of their tiles; see `CKernels.h`.
    public subscript<Value>(dynamicMember path: KeyPath<MSKernels, Value>) -> Value { table.pointee[keyPath: path] }
}
