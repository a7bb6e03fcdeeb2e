public import Foundation
public import Jobs
public import ServiceContract

/// What turns a song into stems: the worker's one seam to the engine.
public protocol SongSeparator: Sendable {
    /// The names of the models that are in memory.
    var loadedModels: [String] { get async }
    /// Separates a song into files. It must not block the cooperative pool.
    ///
    /// - Parameters:
    ///   - progress: told the finished part, 0…1, as often as it advances; answers whether to go on. Called on any
    ///     thread.
    /// - Throws: ``SongRefused`` when no worker could ever do it, `CancellationError` when `progress` said no, and
    ///   anything else for trouble of this worker.
    func separate(
        _ order: SeparationOrder, progress: @escaping @Sendable (Double) -> Bool
    ) async throws -> SeparatedSong
}

/// A song to separate.
public struct SeparationOrder: Sendable {
    /// The song's file; its name says nothing about its format.
    public var song: URL
    /// An existing folder for the stems.
    public var folder: URL
    /// How to separate.
    public var options: JobOptions
    /// Where random shifts come from, so that a second attempt gives the same stems.
    public var seed: UInt64

    /// An order.
    public init(song: URL, folder: URL, options: JobOptions, seed: UInt64) {
        self.song = song
        self.folder = folder
        self.options = options
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

        /// A stem in a file.
        public init(name: String, url: URL) {
            self.name = name
            self.url = url
        }
    }

    /// The model that did it.
    public var model: String
    /// The stems, in the model's order.
    public var stems: [Stem]
    /// The song's length in seconds.
    public var duration: Double
    /// Frames a second of the stems.
    public var sampleRate: Int
    /// What was wrong with the song and survived, as sentences.
    public var warnings: [String]
    /// How long it took, in seconds.
    public var seconds: Double

    /// A separated song.
    public init(
        model: String, stems: [Stem], duration: Double, sampleRate: Int, warnings: [String] = [], seconds: Double
    ) {
        self.model = model
        self.stems = stems
        self.duration = duration
        self.sampleRate = sampleRate
        self.warnings = warnings
        self.seconds = seconds
    }
}

/// A song or its options that no worker could ever do anything with; the job fails without another attempt.
public struct SongRefused: Error, Sendable, CustomStringConvertible {
    /// A sentence for the song's owner.
    public let description: String
    /// A refusal that says why.
    public init(_ description: String) { self.description = description }
}
