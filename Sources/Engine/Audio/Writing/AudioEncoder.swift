/// Turns interleaved float frames into a file's bytes.
protocol AudioEncoder: AnyObject {
    /// Encodes whole frames; samples beyond ±1 are limited to it, NaN becomes 0.
    func encode(_ samples: UnsafeBufferPointer<Float>) throws

    /// Writes what is left and closes the file.
    func finish() throws
}

/// Floats to integers as the reference's `_pcm_bytes` and `i16_pcm` do it: limit to ±1, scale by the largest
/// positive value, and cut off towards zero.
enum PCM {
    /// Limited to ±1; NaN becomes 0.
    static func limited(_ sample: Float) -> Float {
        let limited = sample < -1 ? -1 : sample > 1 ? 1 : sample
        return limited == limited ? limited : 0
    }

    /// 16 bits.
    static func int16(_ sample: Float) -> Int16 { Int16(limited(sample) * 32767) }

    /// 24 bits in the upper part of 32.
    static func int24(_ sample: Float) -> Int32 { Int32(limited(sample) * 8_388_607) << 8 }
}
