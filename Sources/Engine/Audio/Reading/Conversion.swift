import CSoxr

/// A decoder: hands out a file's samples piece by piece, in the file's own rate and channel count.
protocol SampleSource: AnyObject {
    /// The next piece, or nil at the end. Its memory is valid until the next call.
    ///
    /// - Throws: ``AudioError`` when nothing could be decoded; later damage is survived and told in ``warnings``.
    func next() throws -> SampleBlock?

    /// What was wrong with the file and survived, as sentences. Complete once ``next()`` returned nil.
    var warnings: [String] { get }

    /// How precise the file's samples are; nil where the codec is lossy.
    var depth: SampleDepth? { get }

    /// Before anything is read: goes on at a frame of the file, where it has `rate` frames a second and nothing before the frame is
    /// needed to decode it. False where that is not so; then nothing has changed.
    func seek(to frame: Int, rate: Int) throws -> Bool
}

extension SampleSource {
    func seek(to frame: Int, rate: Int) throws -> Bool { false }
}

/// Some frames of interleaved samples; a view on memory that belongs to its source.
struct SampleBlock {
    /// `frames × channels` samples, frame after frame; nominal full scale is ±1.
    var samples: UnsafeBufferPointer<Float>
    /// Rate and channels of `samples`.
    var format: StreamFormat

    /// Samples in each channel.
    var frames: Int { samples.count / format.channels }
}

/// Rate and channels of a stream; may change in the middle of a file.
struct StreamFormat: Equatable {
    /// Frames per second.
    var sampleRate: Int
    /// Channels in a frame.
    var channels: Int
    /// Which loudspeaker each channel belongs to: one of FFmpeg's bits for each, in this order; 0 where nothing says so.
    var speakers: UInt64 = 0
}

/// Channel mapping and rate conversion for one stretch of a stream whose format does not change.
///
/// Channels are mapped first (a file's six are not all resampled), then the rate is converted, then a single channel is
/// spread over all that are wanted.
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
        kept = map.rows.count
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
        // What was mapped and not taken is mapped again with the next call.
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
        for (row, sources) in map.rows.enumerated() {
            if sources.count == 1, sources[0].gain == 1 {
                let channel = sources[0].channel
                for frame in 0..<frames { mapped[frame * kept + row] = finite(input[frame * from + channel]) }
            } else {
                for frame in 0..<frames {
                    var sum: Float = 0
                    for source in sources { sum += source.gain * finite(input[frame * from + source.channel]) }
                    mapped[frame * kept + row] = sum
                }
            }
        }
    }

    /// `frames × kept` samples to `frames × channels`.
    private func spread(
        _ input: UnsafeBufferPointer<Float>, frames: Int, into output: UnsafeMutableBufferPointer<Float>
    ) {
        guard frames > 0 else { return }
        if kept == channels {
            output.baseAddress?.update(from: input.baseAddress!, count: frames * channels)
        } else {
            for frame in 0..<frames {
                for channel in 0..<channels { output[frame * channels + channel] = input[frame] }
            }
        }
    }

    /// The sample, or silence for what is none: NaN, infinity, and numbers so large that the resampler would make infinity of them.
    private func finite(_ sample: Float) -> Float {
        if abs(sample) < 1e20 { return sample }
        replacedSamples += 1
        return 0
    }
}

/// Band-limited conversion from one sample rate to another, block by block (libsoxr, very high quality).
///
/// `n` frames become `⌊n · to / from⌋`, but at least one, as with the reference's `resample_frac`, unless another number is
/// asked for.
public final class Resampler {
    private let soxr: OpaquePointer
    private let channels: Int
    private let from: Int
    private let to: Int
    private var consumed = 0
    private var produced = 0

    /// A converter for interleaved frames of `channels` samples.
    public init(from: Int, to: Int, channels: Int) throws {
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
    public func process(
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
    ///
    /// - Parameter total: how many frames there are to be in all, where that is known better.
    public func drain(into output: UnsafeMutableBufferPointer<Float>, total: Int? = nil) throws -> Int {
        guard consumed > 0 else { return 0 }
        let owed = (total ?? max(1, consumed * to / from)) - produced
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
