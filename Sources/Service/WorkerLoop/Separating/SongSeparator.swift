public import Audio
public import Foundation
import ServiceContract

/// What turns a song into stems: the worker's one seam to the engine.
public protocol SongSeparator: Sendable {
    /// What songs can be separated with here.
    ///
    /// - Throws: why that cannot be found out, as a sentence for the operator.
    var offers: OfferedModels { get async throws }
    /// The names of the models that are in memory.
    var loadedModels: [String] { get async }
    /// Separates a song into files. It must not block the cooperative pool.
    ///
    /// - Parameters:
    ///   - measured: told the song's length and what its stems take, before the first segment; what it throws ends the work.
    ///   - progress: told the finished part, 0…1, as often as it advances; answers whether to go on. Called on any
    ///     thread.
    /// - Throws: ``SongRefused`` when no worker could ever do it, `CancellationError` when `progress` said no, and
    ///   anything else for trouble of this worker.
    func separate(
        _ order: SeparationOrder, measured: @escaping @Sendable (SongMeasure) throws -> Void,
        progress: @escaping @Sendable (Double) -> Bool
    ) async throws -> SeparatedSong
}

/// What is known of a song before it is separated.
public struct SongMeasure: Sendable, Equatable {
    /// Its length in seconds.
    public var seconds: Double
    /// Bytes of all its stems together.
    public var stemBytes: Int
    /// Bytes of the disk that they need while they are made.
    public var diskBytes: Int

    /// A measure.
    public init(seconds: Double, stemBytes: Int, diskBytes: Int) {
        self.seconds = seconds
        self.stemBytes = stemBytes
        self.diskBytes = diskBytes
    }
}

/// A song to separate.
public struct SeparationOrder: Sendable {
    /// The song's file; its name says nothing about its format.
    public var song: URL
    /// An existing folder for the stems.
    public var folder: URL
    /// An existing folder for what players want beside the stems: peaks, and the song as the model heard it.
    public var studio: URL?
    /// How to separate.
    public var options: JobOptions
    /// What the song may be.
    public var limits: AudioLimits?
    /// Where random shifts come from, so that a second attempt gives the same stems.
    public var seed: UInt64

    /// An order.
    public init(
        song: URL, folder: URL, studio: URL? = nil, options: JobOptions, limits: AudioLimits? = nil, seed: UInt64
    ) {
        self.song = song
        self.folder = folder
        self.studio = studio
        self.options = options
        self.limits = limits
        self.seed = seed
    }
}

/// What a song was separated into.
public struct SeparatedSong: Sendable {
    /// A stem and its file.
    public struct Stem: Sendable {
        /// `drums`, `no_vocals`, …
        public var name: String
        /// The complete file.
        public var url: URL
        /// Frames in it; nil where that is not known.
        public var frames: Int?
        /// The file of its peaks.
        public var peaks: URL?

        /// A stem in a file.
        public init(name: String, url: URL, frames: Int? = nil, peaks: URL? = nil) {
            self.name = name
            self.url = url
            self.frames = frames
            self.peaks = peaks
        }
    }

    /// The model that did it.
    public var model: String
    /// The stems, in the model's order.
    public var stems: [Stem]
    /// The song itself as the model heard it, as FLAC.
    public var original: Stem?
    /// The song's length in seconds.
    public var duration: Double
    /// Frames a second of the stems.
    public var sampleRate: Int
    /// What was wrong with the song and survived, as sentences.
    public var warnings: [String]
    /// What of the song the sources do not add up to, in dB; nil where that is not known.
    public var remainder: Double?
    /// How long it took, in seconds.
    public var seconds: Double
    /// Those of them after the last segment, in which the encoders came to their end.
    public var encodingSeconds: Double

    /// A separated song.
    public init(
        model: String, stems: [Stem], original: Stem? = nil, duration: Double, sampleRate: Int, warnings: [String] = [],
        remainder: Double? = nil, seconds: Double, encodingSeconds: Double = 0
    ) {
        self.model = model
        self.stems = stems
        self.original = original
        self.duration = duration
        self.sampleRate = sampleRate
        self.warnings = warnings
        self.remainder = remainder
        self.encodingSeconds = encodingSeconds
        self.seconds = seconds
    }
}
