import CKernels
import Glibc

/// Frames of two real signals at once → their spectra without the last bin, and back, with a periodic Hann window h of N
/// samples (N a power of two, at least 4) and any hop:
///
///     X[k][t] = scale · Σ n  x[t·hop + n] · h[n] · e^(−2πi·k·n / N)        0 ≤ k < N / 2
///     x[t·hop + n] += scale · h[n] · Re(Σ k  X'[k][t] · e^(2πi·k·n / N))
///
/// where X' goes on symmetrically behind N / 2, and bin N / 2 is 0.
public final class ShortTimeFourier: Sendable {
    /// N
    public let size: Int
    private let twiddles: FloatMemory
    private let window: FloatMemory
    private let positions: [Int32]

    /// Tables for frames of `size` samples.
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

    /// Scratch for either direction.
    public func scratch(_ kernels: Kernels) -> ScratchSize { .floats(kernels.fourierScratch(size)) }

    /// Spectra of `frames` frames.
    ///
    /// - Parameters:
    ///   - left: frame t starts at t · hop
    ///   - right: the second signal; nil for none
    ///   - spectra: the first bin's first frame; per bin, the rows real, imaginary of left, then of right
    ///   - bin: distance between bins in `spectra`
    ///   - row: distance between its rows
    public func analyse(
        left: UnsafePointer<Float>, right: UnsafePointer<Float>?, hop: Int, frames: Int, scale: Float,
        to spectra: UnsafeMutablePointer<Float>, bin: Int, row: Int, kernels: Kernels, scratch: Scratch
    ) {
        var scratch = scratch
        let memory = scratch.floats(kernels.fourierScratch(size))
        withTables { tables in
            var analysis = MSAnalysis()
            analysis.fourier = tables
            analysis.left = left
            analysis.right = right
            analysis.hop = hop
            analysis.frames = frames
            analysis.scale = scale
            analysis.output = spectra
            analysis.rowStride = row
            analysis.binStride = bin
            analysis.scratch = memory
            kernels.analyse(&analysis)
        }
    }

    /// Adds the signals of `frames` spectra, of which `value · gain + offset` is used, to `left` and `right`.
    public func synthesise(
        _ spectra: UnsafePointer<Float>, bin: Int, row: Int, gain: Float, offset: Float, hop: Int, frames: Int,
        scale: Float, left: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>?, kernels: Kernels,
        scratch: Scratch
    ) {
        var scratch = scratch
        let memory = scratch.floats(kernels.fourierScratch(size))
        withTables { tables in
            var synthesis = MSSynthesis()
            synthesis.fourier = tables
            synthesis.input = spectra
            synthesis.rowStride = row
            synthesis.binStride = bin
            synthesis.gain = gain
            synthesis.offset = offset
            synthesis.scale = scale
            synthesis.hop = hop
            synthesis.frames = frames
            synthesis.stereo = right != nil
            synthesis.left = left
            synthesis.right = right
            synthesis.scratch = memory
            kernels.synthesise(&synthesis)
        }
    }

    private func withTables(_ body: (UnsafePointer<MSFourier>) -> Void) {
        positions.withUnsafeBufferPointer { positions in
            var tables = MSFourier()
            tables.size = size
            tables.cosines = twiddles.base
            tables.sines = twiddles.base + size
            tables.positions = positions.baseAddress
            tables.window = window.base
            withUnsafePointer(to: &tables, body)
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

extension ShortTimeFourier {
    /// The definition of ``analyse(left:right:hop:frames:scale:to:bin:row:kernels:scratch:)`` for one signal: per bin, the
    /// real and the imaginary row.
    package static func reference(
        analysing signal: [Float], size: Int, hop: Int, frames: Int, scale: Double
    ) -> [[[Double]]] {
        (0..<size / 2).map { bin in
            var rows = [[Double]](repeating: [Double](repeating: 0, count: frames), count: 2)
            for frame in 0..<frames {
                for n in 0..<size {
                    let angle = -2 * Double.pi * Double(bin * n % size) / Double(size)
                    let x = Double(signal[frame * hop + n]) * hann(n, size) * scale
                    rows[0][frame] += x * cos(angle)
                    rows[1][frame] += x * sin(angle)
                }
            }
            return rows
        }
    }

    /// The definition of the way back for one signal of `length` samples.
    package static func reference(
        synthesising spectra: [[[Float]]], size: Int, hop: Int, gain: Double, offset: Double, scale: Double, length: Int
    ) -> [Double] {
        var signal = [Double](repeating: 0, count: length)
        for frame in spectra[0][0].indices {
            for n in 0..<size {
                // The first bin is its own mirror image, and only its real part counts.
                var x = Double(spectra[0][0][frame]) * gain + offset
                for bin in 1..<size / 2 {
                    let angle = 2 * Double.pi * Double(bin * n % size) / Double(size)
                    let real = Double(spectra[bin][0][frame]) * gain + offset
                    let imaginary = Double(spectra[bin][1][frame]) * gain + offset
                    x += 2 * (real * cos(angle) - imaginary * sin(angle))
                }
                signal[frame * hop + n] += x * hann(n, size) * scale
            }
        }
        return signal
    }

    private static func hann(_ n: Int, _ size: Int) -> Double {
        0.5 - 0.5 * cos(2 * Double.pi * Double(n) / Double(size))
    }
}
