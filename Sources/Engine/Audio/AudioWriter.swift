import Foundation
import SeparationChoices

/// Writes a stream of frames to a file, which appears under its name only when it is complete.
///
/// Until ``finish(isCancelled:)`` everything goes to a temporary file beside it, which ``cancel()``, an error or the end
/// of this object's life removes; if the process is killed, the next writer in that folder does. Memory does not grow with the track: ``ClipMode/rescale``, which has to know the
/// peak first, parks the samples on disk.
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

    private let url: URL
    private let temporary: TemporaryFile
    private let channels: Int
    private let clipMode: ClipMode
    private var encoder: (any AudioEncoder)?
    private var spool: SampleSpool?
    private let scratch: UnsafeMutableBufferPointer<Float>
    private var isPending = true
    private var peak: Float = 0
    private var frames = 0

    private static let scratchFrames = 8192

    /// Opens the file's folder for writing; the folder must exist.
    ///
    /// - Parameter frames: how many frames will come, where that is known (a WAV above 4 GB becomes an RF64).
    /// - Throws: ``AudioError`` when the format does not exist or the folder cannot be written to.
    public init(
        _ url: URL, format: AudioFormat, sampleRate: Int, channels: Int, clipMode: ClipMode = .standard,
        frames: Int? = nil
    ) throws {
        try format.validate()
        self.url = url
        self.channels = channels
        self.clipMode = clipMode
        let folder = url.deletingLastPathComponent()
        do {
            temporary = try TemporaryFile(in: folder)
        } catch {
            throw Self.renamed(error, to: url)
        }
        scratch = .allocate(capacity: Self.scratchFrames * channels)
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        do {
            if clipMode == .rescale { spool = try SampleSpool(folder: folder) }
            if case .mp3(let bitrate, let preset) = format {
                encoder = try LameEncoder(
                    path: temporary.url.path, bitrate: bitrate, preset: preset, sampleRate: sampleRate,
                    channels: channels)
            } else {
                encoder = try SoundFileEncoder(
                    path: temporary.url.path, format: format, sampleRate: sampleRate, channels: channels, frames: frames
                )
            }
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
        frames += samples.count / channels
        do {
            if let spool {
                try spool.append(samples)
            } else {
                try encode(samples) { clipMode == .clamp ? max(-0.99, min(0.99, $0)) : $0 }
            }
        } catch {
            throw Self.renamed(error, to: url)
        }
    }

    /// Encodes what is left; the file is complete, but has no name yet. Nothing can be written any more.
    ///
    /// - Parameter isCancelled: asked now and then while a long file is encoded; true ends it with `CancellationError`.
    public func complete(isCancelled: () -> Bool = { false }) throws {
        guard let encoder else { return }
        do {
            if let spool {
                let divisor = divisor
                try spool.forEach(scratch) { samples in
                    if isCancelled() { throw CancellationError() }
                    for index in samples.indices { samples[index] /= divisor }
                    try encoder.encode(UnsafeBufferPointer(samples))
                }
                self.spool = nil
            }
            try encoder.finish()
            self.encoder = nil
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
        return Result(url: url, peak: peak, frames: frames, gain: clipMode == .rescale ? 1 / divisor : 1)
    }

    /// What the peak has to be divided by to be at 1 / 1.01; 1 where it does not clip.
    private var divisor: Float { max(Float(1.01) * peak, 1) }

    /// Gives up; nothing is left behind. Without effect after ``finish(isCancelled:)``.
    public func cancel() {
        guard isPending else { return }
        isPending = false
        encoder = nil
        spool = nil
        temporary.remove()
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
    private static func renamed(_ error: any Error, to url: URL) -> any Error {
        switch error {
        case AudioError.cannotWrite(_, let reason): AudioError.cannotWrite(path: url.path, reason: reason)
        case AudioError.diskFull(_, let reason): AudioError.diskFull(path: url.path, reason: reason)
        default: error
        }
    }
}
