import FileKind
import Foundation
import Untrusted

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

/// What a track is by itself, before its channels are mapped and its rate is converted.
public struct TrackFormat: Sendable, Equatable {
    /// Frames a second.
    public var sampleRate: Int
    /// Frames so far.
    public var frames: Int
    /// How precise its samples are; nil where its codec is lossy.
    public var depth: SampleDepth?
}

/// A track as a stream of frames in the wanted rate and channel count, in memory that does not grow with the track.
///
/// What the file is, is found out by content. MPEG audio goes through libmpg123 (delay and padding of the encoder trimmed,
/// damage survived), everything else through FFmpeg's libraries; the header of a WAV file is read here, since it is often
/// wrong, and an Ogg file is taken apart where streams were joined. Channels are mapped (``ChannelMap``), then the rate is
/// converted by libsoxr. Two readers of one file give the same samples.
public final class AudioReader {
    /// Frames per second of what ``read(into:)`` gives.
    public let sampleRate: Int
    /// Channels of what ``read(into:)`` gives.
    public let channels: Int

    /// What the track is by itself; complete once ``read(into:)`` has returned 0, and nil where the rate changes within it.
    public private(set) var original: TrackFormat?

    private let path: String
    private let limits: AudioLimits?
    private let selection: ChannelSelection
    private let source: any SampleSource
    /// What was known before reading.
    private let headerNote: String?
    private let presentPart: Double
    private var mapNotes: [String] = []
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
    ///   - selection: which of the track's channels they are made of.
    ///   - limits: what the track may be; nil for a track of one's own.
    /// - Throws: ``AudioError`` with a sentence for a missing, empty, unsupported or undecodable file.
    public convenience init(
        _ url: URL, sampleRate: Int, channels: Int, selection: ChannelSelection = .all, limits: AudioLimits? = nil
    ) throws {
        try self.init(
            LocalFile(url), sampleRate: sampleRate, channels: channels, selection: selection, limits: limits)
    }

    /// The same for a track that lies elsewhere.
    public init(
        _ bytes: any AudioBytes, sampleRate: Int, channels: Int, selection: ChannelSelection = .all,
        limits: AudioLimits? = nil
    ) throws {
        self.sampleRate = sampleRate
        self.channels = channels
        self.selection = selection
        self.limits = limits
        let file = FileWindow(bytes)
        path = file.path
        guard file.size > 0 else { throw AudioError.empty(path: path) }
        let content = file.content
        try Self.refuseOtherKinds(file, content)
        let wave = WaveFile(file, in: content)
        headerNote = wave?.note
        presentPart = wave?.presentPart ?? 1
        source = try Self.source(file, content, wave)
    }

    /// What was wrong with the file and survived, as sentences. Complete once ``read(into:)`` has returned 0.
    public var warnings: [String] {
        var warnings = [headerNote].compactMap { $0 } + source.warnings
        if presentPart < 1, framesRead > 0 {
            let seconds = Double(framesRead) / Double(sampleRate)
            warnings.append(
                "The file is truncated or damaged: it announces \(clock(seconds / presentPart)) of audio and ends after "
                    + "\(clock(seconds)).")
        }
        warnings += mapNotes
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

    /// Goes to a frame, once and before anything is read: the next frame is this one, as if all before it had been read. Where
    /// the track's blocks can be decoded by themselves (FLAC, PCM) and its rate is kept, they are not read.
    ///
    /// - Throws: what ``read(into:)`` does.
    public func skip(to frame: Int) throws {
        guard frame > 0 else { return }
        var left = frame
        if try source.seek(to: frame, rate: sampleRate) { left = 0 }
        let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4096 * channels)
        defer { scratch.deallocate() }
        while left > 0 {
            let frames = try read(
                into: UnsafeMutableBufferPointer(rebasing: scratch[..<(min(left, 4096) * channels)]))
            if frames == 0 { return }
            left -= frames
        }
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
                if stage.format.sampleRate != block.format.sampleRate { original = nil }
                isDraining = true
                return 0
            }
        }
        guard let block else { return 0 }
        if original == nil, formatChanges == 0 {
            original = TrackFormat(sampleRate: block.format.sampleRate, frames: 0, depth: source.depth)
        }
        let stage = try self.stage ?? newStage(block.format)
        self.stage = stage
        let (consumed, produced) = try stage.convert(block.samples, into: output)
        original?.frames += consumed
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
        let map = try ChannelMap(format, to: channels, selection: selection, path: path)
        if let note = map.note, !mapNotes.contains(note) { mapNotes.append(note) }
        return try ConversionStage(format, map: map, sampleRate: sampleRate, channels: channels)
    }

    private static func refuseOtherKinds(_ file: FileWindow, _ content: Range<Int>) throws {
        for start in Set([0, content.lowerBound]) {
            if case .other(let kind) = FileKind(head: file.bytes(at: start, length: FileKind.headLength)) {
                throw AudioError.notAudio(path: file.path, looksLike: kind)
            }
        }
    }

    /// Who decodes the file.
    private static func source(
        _ file: FileWindow, _ content: Range<Int>, _ wave: WaveFile?
    ) throws -> any SampleSource {
        if let wave {
            let isMPEG = wave.codec == 0x50 || wave.codec == 0x55
            if isMPEG, let frames = MPEGFrames(file, in: wave.data, isStrict: false) {
                return try MPEGSource(file, frames: frames)
            }
            return try MediaSource(file, in: wave.data, prefix: wave.header)
        }
        if file.spells("OggS", at: content.lowerBound) { return try OggSource(file, in: content) }
        if let frames = MPEGFrames(file, in: content, isStrict: true) { return try MPEGSource(file, frames: frames) }
        do {
            guard !content.isEmpty else { throw AudioError.notAudio(path: file.path, looksLike: nil) }
            return try MediaSource(file, in: content)
        } catch AudioError.notAudio(_, looksLike: nil) {
            // A tag that lies about its length may hide the first frames.
            let ranges = [content, min(10, file.size)..<file.size]
            for range in ranges {
                if let frames = MPEGFrames(file, in: range, isStrict: false) {
                    return try MPEGSource(file, frames: frames)
                }
            }
            throw AudioError.notAudio(path: file.path, looksLike: content.isEmpty ? "a tag without a song" : nil)
        }
    }
}

/// Seconds as minutes and seconds, such as `3:07.5`. A header may announce more of them than there are.
func clock(_ seconds: Double) -> String {
    let tenths = Int(clamping: (seconds * 10).rounded())
    let rest = tenths % 600
    return "\(tenths / 600):\(rest < 100 ? "0" : "")\(rest / 10).\(rest % 10)"
}
