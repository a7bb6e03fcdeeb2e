@_exported import CKernels

/// The numerical kernels for one instruction set.
///
/// `@unchecked Sendable`: points to a constant table of functions.
@dynamicMemberLookup
public struct Kernels: @unchecked Sendable {
    private let table: UnsafePointer<MSKernels>

    /// The fastest kernels that this processor runs.
    public static let best = Kernels(table: MSKernelsBest())

    private init(table: UnsafePointer<MSKernels>) { self.table = table }

    /// The kernels of that name: `avx512`, `avx2`, `openblas` or `baseline`; nil when the processor cannot run them.
    public init?(named name: String) {
        guard let table = MSKernelsNamed(name) else { return nil }
        self.table = table
    }

    /// The instruction set's name.
    public var name: String { String(cString: table.pointee.name) }

    /// The kernels and the sizes of their tiles; see `CKernels.h`.
    public subscript<Value>(dynamicMember path: KeyPath<MSKernels, Value>) -> Value { table.pointee[keyPath: path] }
}
