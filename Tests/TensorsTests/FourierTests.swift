import Foundation
import Tensors
import Testing

@Suite struct FourierTests {
    @Test(arguments: allKernels.indices, [8, 32, 64, 256])
    func spectraAreTheNaiveOnesAndComeBack(set: Int, size: Int) {
        let kernels = allKernels[set]
        var random = Generator(seed: size)
        let (hop, frames) = (size / 4, 21)
        let length = (frames + 3) * hop
        let signals = (0..<2).map { _ in random.floats(length) }
        let tables = FourierTables(size: size)
        let spectrum = Rows((0..<size / 2 * 4).map { _ in [Float](repeating: .nan, count: frames) })
        let needed = kernels.fourierScratch(size)
        withScratch(needed) { scratch in
            var scratch = scratch
            let memory = scratch.floats(needed)
            tables.withTables { tables in
                signals[0].withUnsafeBufferPointer { left in
                    signals[1].withUnsafeBufferPointer { right in
                        var analysis = MSAnalysis()
                        analysis.fourier = tables
                        analysis.left = left.baseAddress
                        analysis.right = right.baseAddress
                        analysis.hop = hop
                        analysis.frames = frames
                        analysis.scale = 0.5
                        analysis.output = spectrum.plane.base
                        analysis.rowStride = spectrum.plane.stride
                        analysis.binStride = 4 * spectrum.plane.stride
                        analysis.scratch = memory
                        kernels.analyse(&analysis)
                    }
                }
            }
        }
        var expected: [Float] = []
        for bin in 0..<size / 2 {
            for signal in signals {
                let values = (0..<frames).map { frame in
                    (0..<size).reduce((0.0, 0.0)) { sum, n in
                        let window = 0.5 - 0.5 * cos(2 * Double.pi * Double(n) / Double(size))
                        let angle = -2 * Double.pi * Double(bin * n % size) / Double(size)
                        let x = Double(signal[frame * hop + n]) * window * 0.5
                        return (sum.0 + x * cos(angle), sum.1 + x * sin(angle))
                    }
                }
                expected += values.map { Float($0.0) } + values.map { Float($0.1) }
            }
        }
        #expect(normalisedError(spectrum.values.flatMap { $0 }, expected) <= tolerance)

        // Back: the naive inverse of gain · spectrum + offset without the last bin, windowed and added up.
        let (gain, offset) = (0.5, 0.25)
        var (backLeft, backRight) = ([Float](repeating: 0, count: length), [Float](repeating: 0, count: length))
        let stored = spectrum.values
        withScratch(needed) { scratch in
            var scratch = scratch
            let memory = scratch.floats(needed)
            tables.withTables { tables in
                backLeft.withUnsafeMutableBufferPointer { left in
                    backRight.withUnsafeMutableBufferPointer { right in
                        var synthesis = MSSynthesis()
                        synthesis.fourier = tables
                        synthesis.input = UnsafePointer(spectrum.plane.base)
                        synthesis.rowStride = spectrum.plane.stride
                        synthesis.binStride = 4 * spectrum.plane.stride
                        synthesis.gain = Float(gain)
                        synthesis.offset = Float(offset)
                        synthesis.scale = 1
                        synthesis.hop = hop
                        synthesis.frames = frames
                        synthesis.stereo = true
                        synthesis.left = left.baseAddress
                        synthesis.right = right.baseAddress
                        synthesis.scratch = memory
                        kernels.synthesise(&synthesis)
                    }
                }
            }
        }
        for (side, back) in [backLeft, backRight].enumerated() {
            var sum = [Double](repeating: 0, count: length)
            for frame in 0..<frames {
                for n in 0..<size {
                    let window = 0.5 - 0.5 * cos(2 * Double.pi * Double(n) / Double(size))
                    var x = Double(stored[2 * side][frame]) * gain + offset
                    for bin in 1..<size / 2 {
                        let angle = 2 * Double.pi * Double(bin * n % size) / Double(size)
                        let real = Double(stored[4 * bin + 2 * side][frame]) * gain + offset
                        let imaginary = Double(stored[4 * bin + 2 * side + 1][frame]) * gain + offset
                        x += 2 * (real * cos(angle) - imaginary * sin(angle))
                    }
                    sum[frame * hop + n] += x * window
                }
            }
            #expect(normalisedError(back, sum.map { Float($0) }) <= tolerance)
        }
    }
}
