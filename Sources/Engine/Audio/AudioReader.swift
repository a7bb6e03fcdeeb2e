import Foundation

/// What a track from a stranger may be. What a file claims of itself is not believed: reading ends where a limit is passed.
public struct AudioLimits: Sendable, Equatable {
    /// Frames a second of the file; with very few of them a small file lasts for days.
    public var sampleRates: ClosedRange<Int>
    /// The longest track, in seconds.
    public var seconds: Double

    /// Limits.
    public init(sampleRates: ClosedRange<Int>, seconds: Double) {
        self.sampleRates = sampleRates
        self.seconds = seconds
    }
}

/// A track as a stream of frames in the wanted rate and channel count, in memory that does not grow with the track.
///
/// The format is found by content: MP3 through libmpg123 (tags skipped, encoder delay and padding trimmed, damage
/// survived), WAV, FLAC, Ogg and AIFF through libsndfile. Channels are mapped as the reference's
/// `convert_audio_channels` does (mono is repeated, of many the first are taken), then the rate is converted by libsoxr.
/// Two readers of one file give the same samples.
public final class AudioReader {
    /// Frames per second of what ``read(into:)`` gives.
    public let sampleRate: Int
    /// Channels of what ``read(into:)`` gives.
    public let channels: Int

    private let path: String
    private let limits: AudioLimits?
    private let source: any SampleSource
    private var stage: ConversionStage?
    private var block: SampleBlock?
    private var isDraining = false
    private var isAtEnd = false
    private var framesRead = 0
    private var formatChanges = 0
    private var replacedSamples = 0

    /// Opens a track.
    ///
    /// - Parameters:
    ///   - sampleRate: the wanted rate, frames per second.
    ///   - channels: the wanted channels.
    ///   - limits: what the track may be; nil for a track of one's own.
    /// - Throws: ``AudioError`` with a sentence for a missing, empty, unsupported or undecodable file.
    public init(_ url: URL, sampleRate: Int, channels: Int, limits: AudioLimits? = nil) throws {
        self.sampleRate = sampleRate
        self.channels = channels
        path = url.path
        self.limits = limits
        source = try Self.source(for: url)
    }

    /// What was wrong with the file and survived, as sentences. Complete once ``read(into:)`` has returned 0.
    public var warnings: [String] {
        var warnings = source.warnings
        if formatChanges > 0 {
            warnings.append(
                "The sample rate or the channels change \(formatChanges)× within the file; it was read through.")
        }
        if replacedSamples > 0 {
            warnings.append(
                "\(replacedSamples) samples were not numbers (NaN or infinite) and were replaced by silence.")
        }
        return warnings
    }

    /// Reads frames, interleaved (`frames × channels`, nominal full scale ±1), and returns how many; 0 at the end.
    ///
    /// Fewer frames than fit are returned only at the end.
    ///
    /// - Throws: ``AudioError`` when nothing at all can be decoded, and where a limit is passed.
    public func read(into buffer: UnsafeMutableBufferPointer<Float>) throws -> Int {
        let capacity = buffer.count / channels
        var filled = 0
        while filled < capacity, !isAtEnd {
            filled += try fill(
                UnsafeMutableBufferPointer(rebasing: buffer[(filled * channels)..<(capacity * channels)]))
        }
        framesRead += filled
        if let limits, Double(framesRead) > limits.seconds * Double(sampleRate) {
            throw AudioError.tooLong(path: path, seconds: limits.seconds)
        }
        return filled
    }

    /// One step of reading: converts some of the current block, or fetches the next one, or drains.
    private func fill(_ output: UnsafeMutableBufferPointer<Float>) throws -> Int {
        if isDraining, let stage {
            let frames = try stage.drain(into: output)
            if frames > 0 { return frames }
            self.stage = nil
            isDraining = false
            if block == nil { isAtEnd = true }
            return 0
        }
        if block == nil {
            block = try source.next()
            guard let block else {
                isDraining = stage != nil
                isAtEnd = stage == nil
                return 0
            }
            if let stage, stage.format != block.format {
                formatChanges += 1
                isDraining = true
                return 0
            }
        }
        guard let block else { return 0 }
        let stage = try self.stage ?? newStage(block.format)
        self.stage = stage
        let (consumed, produced) = try stage.convert(block.samples, into: output)
        replacedSamples = stage.replacedSamples + replacedBefore
        let rest = UnsafeBufferPointer(rebasing: block.samples[(consumed * block.format.channels)...])
        self.block = rest.isEmpty ? nil : SampleBlock(samples: rest, format: block.format)
        return produced
    }

    private var replacedBefore = 0

    private func newStage(_ format: StreamFormat) throws -> ConversionStage {
        replacedBefore = replacedSamples
        if let limits, !limits.sampleRates.contains(format.sampleRate) {
            throw AudioError.sampleRate(path: path, rate: format.sampleRate, allowed: limits.sampleRates)
        }
        guard let map = ChannelMap(from: format.channels, to: channels) else {
            throw AudioError.tooFewChannels(path: path, channels: format.channels, wanted: channels)
        }
        return try ConversionStage(format, map: map, sampleRate: sampleRate, channels: channels)
    }

    private static func source(for url: URL) throws -> any SampleSource {
        let file = try FileWindow(url)
        guard file.size > 0 else { throw AudioError.empty(path: url.path) }
        switch FileSignature(file) {
        case .soundFile: return try SoundFileSource(url, announcedFrames: WaveHeader(file)?.frames)
        case .unsupported(let format): throw AudioError.unsupported(path: url.path, format: format)
        case .other(let kind): throw AudioError.notAudio(path: url.path, looksLike: kind)
        case .maybeMPEG:
            guard let survey = MPEGSurvey(file) else { throw AudioError.notAudio(path: url.path, looksLike: nil) }
            return try MPEGSource(url, survey: survey)
        }
    }
}

/// A decoder: hands out a file's samples piece by piece, in the file's own rate and channel count.
protocol SampleSource: AnyObject {
    /// The next piece, or nil at the end. Its memory is valid until the next call.
    ///
    /// - Throws: ``AudioError`` when nothing could be decoded; later damage is survived and told in ``warnings``.
    func next() throws -> SampleBlock?

    /// What was wrong with the file and survived, as sentences. Complete once ``next()`` returned nil.
    var warnings: [String] { get }
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

/// Rate and channel count of a stream; may change in the middle of an MP3 file.
struct StreamFormat: Equatable {
    /// Frames per second.
    var sampleRate: Int
    /// Channels in a frame.
    var channels: Int
}
