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
        let fourier = ShortTimeFourier(size: size)
        // Rows (bin, signal, real or imaginary).
        let spectrum = Rows(rows: size / 2 * 4, columns: frames)
        let stride = spectrum.plane.stride
        withScratch(fourier.scratch(kernels)) { scratch in
            fourier.analyse(
                left: signals[0], right: signals[1], hop: hop, frames: frames, scale: 0.5, to: spectrum.plane.base,
                bin: 4 * stride, row: stride, kernels: kernels, scratch: scratch)
        }
        let expected = signals.map {
            ShortTimeFourier.reference(analysing: $0, size: size, hop: hop, frames: frames, scale: 0.5)
        }
        let rows = (0..<size / 2).flatMap { bin in expected.flatMap { $0[bin] } }
        #expect(normalisedError(spectrum.values, rows) <= tolerance)

        // Back, both signals and then one alone.
        let stored = spectrum.values
        let back = Rows([[Float]](repeating: [Float](repeating: 0, count: length), count: 3))
        withScratch(fourier.scratch(kernels)) { scratch in
            for (left, right) in [(0, 1), (2, nil)] {
                fourier.synthesise(
                    spectrum.plane.base, bin: 4 * stride, row: stride, gain: 0.5, offset: 0.25, hop: hop,
                    frames: frames, scale: 0.75, left: back.plane.row(left), right: right.map(back.plane.row),
                    kernels: kernels, scratch: scratch)
            }
        }
        for (row, side) in [(0, 0), (1, 1), (2, 0)] {
            let spectra = (0..<size / 2).map { [stored[4 * $0 + 2 * side], stored[4 * $0 + 2 * side + 1]] }
            let expected = ShortTimeFourier.reference(
                synthesising: spectra, size: size, hop: hop, gain: 0.5, offset: 0.25, scale: 0.75, length: length)
            #expect(normalisedError([back.values[row]], [expected]) <= tolerance)
        }
    }
}
