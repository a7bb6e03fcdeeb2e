import CSoxr

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

/// How a frame's channels become the wanted ones; the reference's `convert_audio_channels`.
enum ChannelMap {
    /// As they are, or the first few of many.
    case first(Int)
    /// One channel, repeated.
    case duplicate
    /// The mean of all.
    case mean

    /// The map from `channels` to `wanted`, or nil where the reference has none (2 to 6, say).
    init?(from channels: Int, to wanted: Int) {
        if channels == wanted {
            self = .first(wanted)
        } else if wanted == 1 {
            self = .mean
        } else if channels == 1 {
            self = .duplicate
        } else if channels > wanted {
            self = .first(wanted)
        } else {
            return nil
        }
    }

    /// Channels that have to be resampled: a mono file's only channel is repeated after that.
    func keptChannels() -> Int {
        switch self {
        case .first(let count): count
        case .duplicate, .mean: 1
        }
    }
}

/// Band-limited conversion from one sample rate to another, block by block (libsoxr, very high quality).
///
/// `n` frames become `⌊n · to / from⌋`, but at least one, as with the reference's `resample_frac`.
final class Resampler {
    private let soxr: OpaquePointer
    private let channels: Int
    private let from: Int
    private let to: Int
    private var consumed = 0
    private var produced = 0

    /// A converter for interleaved frames of `channels` samples.
    init(from: Int, to: Int, channels: Int) throws {
        self.from = from
        self.to = to
        self.channels = channels
        var error: soxr_error_t?
        var io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I)
        var quality = soxr_quality_spec(UInt(SOXR_VHQ), 0)
        var runtime = soxr_runtime_spec(1)
        guard let soxr = soxr_create(Double(from), Double(to), UInt32(channels), &error, &io, &quality, &runtime) else {
            let reason = error.map { String(cString: $0) } ?? "unknown"
            throw AudioError.invalidFormat("Cannot convert from \(from) Hz to \(to) Hz: \(reason).")
        }
        self.soxr = soxr
    }

    deinit { soxr_delete(soxr) }

    /// Takes frames from `input` and puts frames into `output`, until one of them is used up.
    func process(
        _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
    ) throws -> (consumed: Int, produced: Int) {
        var taken = 0
        var given = 0
        let error = soxr_process(
            soxr, input.baseAddress, input.count / channels, &taken, output.baseAddress, output.count / channels, &given
        )
        try check(error)
        consumed += taken
        produced += given
        return (taken, given)
    }

    /// After the last input: the frames still owed, 0 once all are out.
    func drain(into output: UnsafeMutableBufferPointer<Float>) throws -> Int {
        guard consumed > 0 else { return 0 }
        let owed = max(1, consumed * to / from) - produced
        let room = min(owed, output.count / channels)
        guard room > 0 else { return 0 }
        var given = 0
        try check(soxr_process(soxr, nil, 0, nil, output.baseAddress, room, &given))
        if given < room { output[(given * channels)..<(room * channels)].update(repeating: 0) }
        produced += room
        return room
    }

    private func check(_ error: soxr_error_t?) throws {
        if let error { throw AudioError.invalidFormat("Resampling failed: \(String(cString: error)).") }
    }
}
