import Foundation
import SeparationChoices

/// What an output file is, but for where it lies and what is in it.
public struct AudioDescription: Sendable {
    /// Container, codec and sample width.
    public var format: AudioFormat
    /// Frames a second of the samples that are written.
    public var sampleRate: Int
    /// Channels of the samples that are written.
    public var channels: Int
    /// What happens to samples beyond full scale.
    public var clipMode: ClipMode
    /// How many frames will come, where that is known (a WAV above 4 GB becomes an RF64).
    public var frames: Int?
    /// How floats become integers.
    public var quantisation: Quantisation
    /// Title, artist, cover and so on.
    public var tags: TrackTags?
    /// Where the peaks of its samples go (``PeaksHeader``), as if they were written in 16 bits; nil: nowhere.
    public var peaks: URL?

    /// A file of its parts.
    public init(
        format: AudioFormat, sampleRate: Int, channels: Int, clipMode: ClipMode = .standard, frames: Int? = nil,
        quantisation: Quantisation = .reference, tags: TrackTags? = nil, peaks: URL? = nil
    ) {
        self.format = format
        self.sampleRate = sampleRate
        self.channels = channels
        self.clipMode = clipMode
        self.frames = frames
        self.quantisation = quantisation
        self.tags = tags
        self.peaks = peaks
    }
}

/// Writes a stream of frames to a file, which appears under its name only when it is complete.
///
/// Until ``finish(isCancelled:)`` everything goes to a temporary file beside it, which ``cancel()``, an error or the end
/// of this object's life removes; if the process is killed, the next writer in that folder does. Memory does not grow with the track: ``ClipMode/rescale``, which has to know the
/// peak first, parks the samples on disk. Samples are encoded as they come; only where a peak turns out to need rescaling,
/// the file is encoded anew at the end (``postponedFrames``).
public final class AudioWriter {
    /// What was written.
    public struct Result: Sendable, Equatable {
        /// Where it is.
        public var url: URL
        /// The largest magnitude before any clipping or rescaling; 1 is full scale.
        public var peak: Float
        /// Frames written.
        public var frames: Int
        /// What ``ClipMode/rescale`` multiplied every sample with; 1 where nothing had to be done.
        public var gain: Float
    }

    /// Frames that ``complete(isCancelled:)`` has to encode; 0 where all was encoded as it came.
    public var postponedFrames: Int { encoder == nil && spool != nil ? frames : 0 }
    /// Frames that ``complete(isCancelled:)`` encodes between two of its questions.
    public static let blockFrames = 8192

    private let url: URL
    private let temporary: TemporaryFile
    private let description: AudioDescription
    private var encoder: (any AudioEncoder)?
    private var spool: SampleSpool?
    private var peaks: PeaksWriter?
    private let scratch: UnsafeMutableBufferPointer<Float>
    private var isPending = true
    private var isComplete = false
    private var peak: Float = 0
    private var frames = 0

    /// Opens the file's folder for writing; the folder must exist.
    ///
    /// - Throws: ``AudioError`` when the format does not exist or the folder cannot be written to.
    public init(_ url: URL, _ description: AudioDescription) throws {
        try description.format.validate()
        self.url = url
        self.description = description
        let folder = url.deletingLastPathComponent()
        do {
            temporary = try TemporaryFile(in: folder)
        } catch {
            throw Self.renamed(error, to: url)
        }
        scratch = .allocate(capacity: Self.blockFrames * description.channels)
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        do {
            if description.clipMode == .rescale { spool = try SampleSpool(folder: folder) }
            peaks = try description.peaks.map {
                try PeaksWriter($0, sampleRate: description.sampleRate, channels: description.channels)
            }
            encoder = try makeEncoder()
        } catch {
            throw Self.renamed(error, to: url)
        }
    }

    deinit {
        cancel()
        scratch.deallocate()
    }

    /// Takes whole interleaved frames (`frames × channels`, nominal full scale ±1).
    ///
    /// - Throws: ``AudioError/cannotWrite(path:reason:)``, when the disk is full for instance.
    public func write(_ samples: UnsafeBufferPointer<Float>) throws {
        for sample in samples where abs(sample) > peak { peak = abs(sample) }
        frames += samples.count / description.channels
        do {
            try peaks?.add(samples)
            if let spool {
                try spool.append(samples)
                // Too loud: what was encoded is of no use, and what comes will be encoded at the end.
                if divisor > 1 { encoder = nil }
                try encoder?.encode(samples)
            } else {
                try encode(samples) { clamped($0) }
            }
        } catch {
            throw Self.renamed(error, to: url)
        }
    }

    /// Encodes what is left; the file is complete, but has no name yet. Nothing can be written any more.
    ///
    /// - Parameter isCancelled: asked for every ``blockFrames`` of ``postponedFrames``; true ends it with
    ///   `CancellationError`.
    public func complete(isCancelled: () -> Bool = { false }) throws {
        guard !isComplete else { return }
        do {
            if let spool, encoder == nil {
                try temporary.truncate()
                let encoder = try makeEncoder()
                self.encoder = encoder
                let divisor = divisor
                try spool.forEach(scratch) { samples in
                    if isCancelled() { throw CancellationError() }
                    for index in samples.indices { samples[index] /= divisor }
                    try encoder.encode(UnsafeBufferPointer(samples))
                }
            } else if isCancelled() {
                throw CancellationError()
            }
            spool = nil
            try encoder?.finish()
            encoder = nil
            let (divisor, quantisation) = (description.clipMode == .rescale ? divisor : 1, description.quantisation)
            try peaks?.finish { quantisation.int16(clamped($0 / divisor)) }
            isComplete = true
        } catch {
            throw Self.renamed(error, to: url)
        }
    }

    /// Completes the file and gives it its name, replacing one that was there.
    public func finish(isCancelled: () -> Bool = { false }) throws -> Result {
        guard isPending else { throw AudioError.cannotWrite(path: url.path, reason: "it was cancelled") }
        try complete(isCancelled: isCancelled)
        try temporary.move(to: url)
        isPending = false
        return Result(url: url, peak: peak, frames: frames, gain: description.clipMode == .rescale ? 1 / divisor : 1)
    }

    /// What the peak has to be divided by to be at 1 / 1.01; 1 where it does not clip.
    private var divisor: Float { max(Float(1.01) * peak, 1) }

    /// Gives up; nothing is left behind. Without effect after ``finish(isCancelled:)``.
    public func cancel() {
        guard isPending else { return }
        isPending = false
        encoder = nil
        spool = nil
        peaks?.cancel()
        temporary.remove()
    }

    private func clamped(_ sample: Float) -> Float {
        description.clipMode == .clamp ? max(-0.99, min(0.99, sample)) : sample
    }

    private func makeEncoder() throws -> any AudioEncoder {
        let (format, path) = (description.format, temporary.url.path)
        switch format {
        case .wav16, .wav24, .float32:
            return try WaveEncoder(
                temporary.descriptor, path: path, format: format, sampleRate: description.sampleRate,
                channels: description.channels, frames: description.frames, quantisation: description.quantisation,
                tags: description.tags)
        case .flac, .mp3, .m4a, .opus, .vorbis, .stemFile:
            return SingleTrackEncoder(
                try MediaEncoder(
                    .file(temporary.descriptor), path: path, format: format, sampleRate: description.sampleRate,
                    channels: description.channels, quantisation: description.quantisation, tags: description.tags))
        }
    }

    /// Encodes `samples` after `change`, piece by piece through the scratch buffer.
    private func encode(_ samples: UnsafeBufferPointer<Float>, _ change: (Float) -> Float) throws {
        var start = 0
        while start < samples.count {
            let count = min(scratch.count, samples.count - start)
            for index in 0..<count { scratch[index] = change(samples[start + index]) }
            try encoder?.encode(UnsafeBufferPointer(rebasing: scratch[..<count]))
            start += count
        }
    }

    /// The same failure under the name that the caller knows instead of the temporary one.
    static func renamed(_ error: any Error, to url: URL) -> any Error {
        switch error {
        case AudioError.cannotWrite(_, let reason): AudioError.cannotWrite(path: url.path, reason: reason)
        case AudioError.diskFull(_, let reason): AudioError.diskFull(path: url.path, reason: reason)
        default: error
        }
    }
}
