import Tensors

/// The short-time Fourier transform and its inverse as the model uses them (source: `HTDemucs._spec` and `_ispec`).
struct Spectrogram: Sendable {
    private let fourier: ShortTimeFourier
    private var size: Int { fourier.size }
    var hop: Int { size / 4 }

    init(frameSize: Int) { fourier = ShortTimeFourier(size: frameSize) }

    /// Frames for a signal of `length` samples.
    func frames(_ length: Int) -> Int { (length + hop - 1) / hop }

    /// Samples by which frame 0 starts before the signal.
    private var lead: Int { hop / 2 * 3 }

    /// Channels (real and imaginary part of each audio channel) of all frequencies but the last.
    func analyse(_ mix: Plane, to spectrum: Bands, pass: Pass) throws {
        let kernels = pass.kernels
        let frames = spectrum.columns
        // 1. Reflected beyond both ends; the edge sample is not repeated.
        let padded = try pass.bare(rows: mix.rows, columns: (frames + 3) * hop)
        try pass.parallel(mix.rows) { channel, _ in
            pad(mix.row(channel), mix.columns, to: padded.row(channel), padded.columns)
        }
        // 2. Two channels at a time, a batch of frames a piece.
        let pairs = (mix.rows + 1) / 2
        let chunks = Chunks(columns: frames, size: 4 * kernels.lanes)
        try pass.parallel(pairs * chunks.count, scratch: fourier.scratch(kernels)) { index, scratch in
            let pair = index / chunks.count
            let chunk = chunks[index % chunks.count]
            let isStereo = 2 * pair + 1 < mix.rows
            fourier.analyse(
                left: padded.row(2 * pair) + chunk.lowerBound * hop,
                right: isStereo ? UnsafePointer(padded.row(2 * pair + 1) + chunk.lowerBound * hop) : nil, hop: hop,
                frames: chunk.count, scale: 1 / Float(size).squareRoot(),
                to: spectrum.plane.row(4 * pair) + chunk.lowerBound, bin: spectrum.channels * spectrum.plane.stride,
                row: spectrum.plane.stride, kernels: kernels, scratch: scratch)
        }
        pass.release(padded)
    }

    /// Computes the signals of a spectrogram.
    ///
    /// - Parameters:
    ///   - spectrum: as ``analyse(_:to:pass:)`` writes it, for all sources
    ///   - gain: factor of the spectrum
    ///   - offset: added after the factor
    ///   - length: samples of each signal
    ///   - write: called with each finished part of a wave, one for each source and audio channel
    func synthesise(
        _ spectrum: Bands, gain: Float, offset: Float, length: Int, pass: Pass,
        write: (_ wave: Int, _ start: Int, _ samples: UnsafeBufferPointer<Float>) -> Void
    ) throws {
        let kernels = pass.kernels
        let frames = spectrum.columns
        let waves = spectrum.channels / 2
        let pairs = (waves + 1) / 2
        // A piece writes `size` hops and needs the three frames before them.
        let chunks = Chunks(columns: frames + 3, size: 16 * kernels.lanes - 3)
        let width = (chunks.size + 6) * hop
        let scratch = .floats(2 * width) + fourier.scratch(kernels)
        try pass.parallel(pairs * chunks.count, scratch: scratch) { index, scratch in
            var scratch = scratch
            let pair = index / chunks.count
            let chunk = chunks[index % chunks.count]
            let isStereo = 2 * pair + 1 < waves
            let sums = scratch.floats(2 * width)
            sums.update(repeating: 0, count: 2 * width)
            let first = max(0, chunk.lowerBound - 3)
            let last = min(frames, chunk.upperBound)
            // Where frame `first` starts in a buffer that begins 3 hops before the chunk.
            let start = (first - (chunk.lowerBound - 3)) * hop
            if last > first {
                // The squared windows of the four frames that overlap anywhere add up to 3/2.
                fourier.synthesise(
                    spectrum.plane.row(4 * pair) + first, bin: spectrum.channels * spectrum.plane.stride,
                    row: spectrum.plane.stride, gain: gain, offset: offset, hop: hop, frames: last - first,
                    scale: 1 / Float(size).squareRoot() / 1.5, left: sums + start,
                    right: isStereo ? sums + width + start : nil, kernels: kernels, scratch: scratch)
            }
            // Hop h of the frames' grid begins at sample h * hop - lead of the signal.
            let from = max(0, chunk.lowerBound * hop - lead)
            let to = min(length, chunk.upperBound * hop - lead)
            guard from < to else { return }
            let offset = 3 * hop + from - (chunk.lowerBound * hop - lead)
            for side in 0..<(isStereo ? 2 : 1) {
                write(
                    2 * pair + side, from,
                    UnsafeBufferPointer(start: sums + side * width + offset, count: to - from))
            }
        }
    }

    /// Reflects the signal beyond its ends; short ones are followed and preceded by zeros first (`pad1d`).
    private func pad(
        _ x: UnsafePointer<Float>, _ length: Int, to y: UnsafeMutablePointer<Float>, _ columns: Int
    ) {
        let right = columns - lead - length
        let widest = max(lead, right)
        let extra = length <= widest ? widest - length + 1 : 0
        let extraRight = min(right, extra)
        let extraLeft = extra - extraRight
        let extended = length + extra
        for index in 0..<columns {
            var at = index - (lead - extraLeft)
            if at < 0 { at = -at }
            if at >= extended { at = 2 * (extended - 1) - at }
            at -= extraLeft
            y[index] = at >= 0 && at < length ? x[at] : 0
        }
    }
}
