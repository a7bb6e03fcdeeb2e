import Foundation
public import ServiceContract
public import WorkerLoop

/// A separator for tests of everything around the engine. A song is a text that begins with `music`; its stems are texts
/// that can be checked. It takes as long as it is told.
public struct TrialSeparator: SongSeparator {
    /// What a song leaves in the output bucket: four stems and the song itself, each with its peaks, and the manifest.
    public static let objects = 11

    private let seconds: Double
    private let measure: SongMeasure

    /// A separator that takes `seconds` for a song, whose measure it says is `measure`.
    public init(
        seconds: Double = 0, measure: SongMeasure = SongMeasure(seconds: 10, stemBytes: 1000, diskBytes: 1000)
    ) {
        self.seconds = seconds
        self.measure = measure
    }

    /// Two models.
    public var offers: OfferedModels {
        OfferedModels(stems: ["trial": ["drums", "bass", "other", "vocals"]], usual: "trial")
    }

    /// Nothing.
    public var loadedModels: [String] { ["trial"] }

    /// The text of a stem.
    public static func text(of stem: String, song: String) -> String { "\(stem) of \(song)" }

    /// Cuts a song up.
    public func separate(
        _ order: SeparationOrder, measured: @escaping @Sendable (SongMeasure) throws -> Void = { _ in },
        progress: @escaping @Sendable (Double) -> Bool
    ) async throws -> SeparatedSong {
        let song = String(decoding: try Data(contentsOf: order.song), as: UTF8.self)
        guard song.hasPrefix("music") else { throw SongRefused("\(order.song.path) is not audio: it is a text.") }
        try measured(measure)
        let end = ContinuousClock.now + .milliseconds(Int(seconds * 1000))
        var part = 0.25
        repeat {
            guard progress(part) else { throw CancellationError() }
            part = min(part + 0.01, 1)
            try await Task.sleep(for: .milliseconds(10))
        } while ContinuousClock.now < end
        let stems = try ["drums", "bass", "other", "vocals"].map { name in
            let url = order.folder.appending(path: "\(name).\(order.options.format.fileExtension)")
            try Data(Self.text(of: name, song: song).utf8).write(to: url)
            return SeparatedSong.Stem(name: name, url: url, frames: 441_000, peaks: try peaks(of: name, order))
        }
        let original = try order.studio.map { folder in
            let url = folder.appending(path: "original.flac")
            try Data(song.utf8).write(to: url)
            return SeparatedSong.Stem(
                name: "original", url: url, frames: 441_000, peaks: try peaks(of: "original", order))
        }
        return SeparatedSong(
            model: order.options.model ?? "trial", stems: stems, original: original, duration: measure.seconds,
            sampleRate: 44100,
            seconds: seconds)
    }

    private func peaks(of name: String, _ order: SeparationOrder) throws -> URL? {
        try order.studio.map { folder in
            let url = folder.appending(path: "\(name).dat")
            try Data("peaks of \(name)".utf8).write(to: url)
            return url
        }
    }
}
