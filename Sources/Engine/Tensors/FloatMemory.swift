import CKernels
import Synchronization

/// Numbers that are written once, when they are made, and only read afterwards: weights and tables.
///
/// `@unchecked Sendable`: nothing writes to the memory after `init`.
public final class FloatMemory: @unchecked Sendable {
    /// The first number, on a 64-byte boundary.
    public let base: UnsafePointer<Float>
    /// How many there are.
    public let count: Int

    private static let bytes = Atomic<Int>(0)

    /// Bytes of all weights and tables that this process holds at the moment.
    public static var bytesInUse: Int { bytes.load(ordering: .relaxed) }

    /// Memory for `count` numbers, zero until `fill` writes them.
    public init(count: Int, fill: (UnsafeMutablePointer<Float>) throws -> Void) rethrows {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: max(count, 1))
        memory.initialize(repeating: 0, count: max(count, 1))
        // Before the properties have their values, so that a failure does not run `deinit`.
        do { try fill(memory) } catch {
            UnsafeMutableRawPointer(memory).deallocate()
            throw error
        }
        base = UnsafePointer(memory)
        self.count = count
        Self.bytes.add(4 * max(count, 1), ordering: .relaxed)
    }

    /// A copy of `values`.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count) { memory in
            for (index, value) in values.enumerated() { memory[index] = value }
        }
    }

    deinit {
        Self.bytes.subtract(4 * max(count, 1), ordering: .relaxed)
        UnsafeMutablePointer(mutating: base).deallocate()
    }
}
