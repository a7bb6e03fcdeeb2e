/// Widening of stored numbers to `Float`. The sources need no alignment; the loops vectorise.
enum FloatConversion {
    /// Writes `count` numbers of type `element`, stored one after the other at `source`, to `target`.
    static func convert(
        _ source: UnsafeRawPointer, _ element: ElementType, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch element {
        case .float16: widen(source, to: target, count: count, UInt16.self, half)
        case .bfloat16: widen(source, to: target, count: count, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        case .float64: widen(source, to: target, count: count, UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int8: widen(source, to: target, count: count, Int8.self) { Float($0) }
        case .uint8: widen(source, to: target, count: count, UInt8.self) { Float($0) }
        case .int16: widen(source, to: target, count: count, Int16.self) { Float($0) }
        case .int32: widen(source, to: target, count: count, Int32.self) { Float($0) }
        case .int64: widen(source, to: target, count: count, Int64.self) { Float($0) }
        case .bool: widen(source, to: target, count: count, UInt8.self) { $0 == 0 ? 0 : 1 }
        }
    }

    @inline(__always)
    private static func widen<Stored: BitwiseCopyable>(
        _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int, _: Stored.Type,
        _ convert: (Stored) -> Float
    ) {
        for index in 0..<count {
            target[index] = convert(
                source.loadUnaligned(fromByteOffset: index &* MemoryLayout<Stored>.stride, as: Stored.self))
        }
    }

    /// IEEE 754 binary16 to binary32 in integer steps and one subtraction of normal numbers, so that it needs no
    /// F16C instructions, vectorises, and is exact also where denormals are flushed to zero.
    @inline(__always)
    static func half(_ bits: UInt16) -> Float {
        let bits = UInt32(truncatingIfNeeded: bits)
        let magnitude = (bits & 0x7fff) << 13
        let exponent = magnitude & 0x0f80_0000
        let rebiased = magnitude &+ (112 << 23)
        let subnormal = (Float(bitPattern: rebiased &+ (1 << 23)) - Float(bitPattern: 113 << 23)).bitPattern
        let special = rebiased &+ (112 << 23)  // infinity or not a number
        let value = exponent == 0 ? subnormal : (exponent == 0x0f80_0000 ? special : rebiased)
        return Float(bitPattern: value | (bits & 0x8000) << 16)
    }
}
