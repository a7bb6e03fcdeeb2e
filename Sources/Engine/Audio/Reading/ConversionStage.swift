/// Channel mapping and rate conversion for one stretch of a stream whose format does not change.
final class ConversionStage {
    /// The format that goes in.
    let format: StreamFormat
    /// Samples that were NaN or infinite and became 0.
    private(set) var replacedSamples = 0

    private let map: ChannelMap
    private let kept: Int
    private let channels: Int
    private let resampler: Resampler?
    private let mapped: UnsafeMutableBufferPointer<Float>
    private let resampled: UnsafeMutableBufferPointer<Float>

    private static let blockFrames = 2048

    /// A stage from `format` to `sampleRate` and `channels`.
    init(_ format: StreamFormat, map: ChannelMap, sampleRate: Int, channels: Int) throws {
        self.format = format
        self.map = map
        self.channels = channels
        kept = map.keptChannels()
        resampler =
            format.sampleRate == sampleRate
            ? nil : try Resampler(from: format.sampleRate, to: sampleRate, channels: kept)
        mapped = .allocate(capacity: Self.blockFrames * kept)
        resampled = .allocate(capacity: Self.blockFrames * kept)
    }

    deinit {
        mapped.deallocate()
        resampled.deallocate()
    }

    /// Converts frames until `input` or `output` is used up (or one internal block is done).
    func convert(
        _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
    ) throws -> (consumed: Int, produced: Int) {
        let room = output.count / channels
        var frames = min(input.count / format.channels, Self.blockFrames)
        guard let resampler else {
            frames = min(frames, room)
            mapChannels(input, frames: frames)
            spread(UnsafeBufferPointer(mapped), frames: frames, into: output)
            return (frames, frames)
        }
        mapChannels(input, frames: frames)
        let space = UnsafeMutableBufferPointer(rebasing: resampled[..<(min(room, Self.blockFrames) * kept)])
        let done = try resampler.process(UnsafeBufferPointer(rebasing: mapped[..<(frames * kept)]), into: space)
        spread(UnsafeBufferPointer(resampled), frames: done.produced, into: output)
        return (done.consumed, done.produced)
    }

    /// After the last input: frames still owed by the resampler; 0 once all are out.
    func drain(into output: UnsafeMutableBufferPointer<Float>) throws -> Int {
        guard let resampler else { return 0 }
        let room = min(output.count / channels, Self.blockFrames)
        let frames = try resampler.drain(into: UnsafeMutableBufferPointer(rebasing: resampled[..<(room * kept)]))
        spread(UnsafeBufferPointer(resampled), frames: frames, into: output)
        return frames
    }

    /// `frames × format.channels` samples to `frames × kept` in `mapped`.
    private func mapChannels(_ input: UnsafeBufferPointer<Float>, frames: Int) {
        let from = format.channels
        switch map {
        case .first, .duplicate:
            for frame in 0..<frames {
                for channel in 0..<kept { mapped[frame * kept + channel] = finite(input[frame * from + channel]) }
            }
        case .mean:
            for frame in 0..<frames {
                var sum: Float = 0
                for channel in 0..<from { sum += finite(input[frame * from + channel]) }
                mapped[frame] = sum / Float(from)
            }
        }
    }

    /// `frames × kept` samples to `frames × channels`.
    private func spread(
        _ input: UnsafeBufferPointer<Float>, frames: Int, into output: UnsafeMutableBufferPointer<Float>
    ) {
        if kept == channels {
            output.baseAddress?.update(from: input.baseAddress!, count: frames * channels)
        } else {
            for frame in 0..<frames {
                for channel in 0..<channels { output[frame * channels + channel] = input[frame] }
            }
        }
    }

    private func finite(_ sample: Float) -> Float {
        if sample.isFinite { return sample }
        replacedSamples += 1
        return 0
    }
}
