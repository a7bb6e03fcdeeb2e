import CKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Tables for Fourier transforms of one size: twiddle factors, the order of the results, and a periodic Hann window.
public final class FourierTables: Sendable {
    /// Length of a frame, a power of two.
    public let size: Int
    private let twiddles: FloatMemory
    private let window: FloatMemory
    private let positions: [Int32]

    /// Tables for frames of `size` samples (a power of two, at least 4).
    public init(size: Int) {
        precondition(size >= 4 && size & (size - 1) == 0, "the transform's size must be a power of two")
        self.size = size
        twiddles = FloatMemory(count: 2 * size) { memory in
            for k in 0..<size {
                let angle = -2 * Double.pi * Double(k) / Double(size)
                memory[k] = Float(cos(angle))
                memory[size + k] = Float(sin(angle))
            }
        }
        window = FloatMemory(count: size) { memory in
            for k in 0..<size { memory[k] = Float(0.5 - 0.5 * cos(2 * Double.pi * Double(k) / Double(size))) }
        }
        positions = (0..<size).map { Int32(Self.position(of: $0, size: size)) }
    }

    /// Lends the tables to a kernel.
    public func withTables<Result>(_ body: (UnsafePointer<MSFourier>) throws -> Result) rethrows -> Result {
        try positions.withUnsafeBufferPointer { positions in
            var tables = MSFourier()
            tables.size = size
            tables.cosines = twiddles.base
            tables.sines = twiddles.base + size
            tables.positions = positions.baseAddress
            tables.window = window.base
            return try withUnsafePointer(to: &tables, body)
        }
    }

    /// Where decimation in frequency by 4 (and by 2 at the end) leaves the k-th result.
    private static func position(of k: Int, size: Int) -> Int {
        switch size {
        case 1: 0
        case 2: k
        default: k % 4 * (size / 4) + position(of: k / 4, size: size / 4)
        }
    }
}
