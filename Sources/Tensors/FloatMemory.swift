import CKernels

/// Numbers that are written once, when they are made, and only read afterwards: weights and tables.
///
/// `@unchecked Sendable`: nothing writes to the memory after `init`.
public final class FloatMemory: @unchecked Sendable {
    /// The first number, on a 64-byte boundary.
    public let base: UnsafePointer<Float>
    /// How many there are.
    public let count: Int

    /// Memory for `count` numbers, zero until `fill` writes them.
    public init(count: Int, fill: (UnsafeMutablePointer<Float>) throws -> Void) rethrows {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: max(count, 1))
        memory.initialize(repeating: 0, count: max(count, 1))
        base = UnsafePointer(memory)
        self.count = count
        do { try fill(memory) } catch {
            UnsafeMutableRawPointer(memory).deallocate()
            throw error
        }
    }

    /// A copy of `values`.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count) { memory in
            for (index, value) in values.enumerated() { memory[index] = value }
        }
    }

    deinit { UnsafeMutablePointer(mutating: base).deallocate() }
}
