import Audio
import Foundation
import Synchronization
import Tensors

/// What an output file is made of.
package struct StemRecipe: Sendable, Equatable {
    /// How it is made from the separated sources.
    package enum Ingredients: Sendable, Equatable {
        /// The sum of these sources (indices into the bag's).
        case sources([Int])
        /// The track minus these sources.
        case trackMinus([Int])
    }

    /// The stem's name, such as `vocals`, `no_vocals`, `minus_vocals`.
    package var name: String
    /// What it is made of.
    package var ingredients: Ingredients

    /// The files that the options ask for, named as by the reference command.
    package static func recipes(bag: Bag, options: SeparationOptions) -> [StemRecipe] {
        stems(bag: bag, options: options)
            + options.mixes.map { mix in
                let indices = mix.stems.compactMap(bag.sources.firstIndex)
                return StemRecipe(
                    name: mix.name, ingredients: mix.isRemainder ? .trackMinus(indices) : .sources(indices))
            }
    }

    private static func stems(bag: Bag, options: SeparationOptions) -> [StemRecipe] {
        let sources = bag.sources
        guard let stem = options.twoStems, let index = sources.firstIndex(of: stem) else {
            return sources.enumerated().filter { options.stems?.contains($0.element) ?? true }
                .map { StemRecipe(name: $1, ingredients: .sources([$0])) }
        }
        let alone = StemRecipe(name: stem, ingredients: .sources([index]))
        switch options.otherMethod {
        case .none:
            return [alone]
        case .minus:
            return [StemRecipe(name: "minus_\(stem)", ingredients: .trackMinus([index])), alone]
        case .add, .automatic:
            let others = sources.indices.filter { $0 != index }
            let sum = StemRecipe(name: "no_\(stem)", ingredients: .sources(others))
            let isSpared = bag.members(for: [alone]) != bag.members(for: [alone, sum])
            return options.otherMethod == .automatic && isSpared
                ? [alone, StemRecipe(name: sum.name, ingredients: .trackMinus([index]))] : [alone, sum]
        }
    }

    /// The names of the files that the options ask for.
    package static func names(bag: Bag, options: SeparationOptions) -> [String] {
        recipes(bag: bag, options: options).map(\.name)
    }

    /// The sources it needs.
    package var needed: [Int] {
        switch ingredients {
        case .sources(let indices), .trackMinus(let indices): indices
        }
    }
}

extension Bag {
    /// The members that the recipes need: a weight of 0 for all their sources makes a model unnecessary.
    package func members(for recipes: [StemRecipe]) -> Set<Int> {
        let needed = Set(recipes.flatMap(\.needed))
        return Set(members.indices.filter { index in needed.contains { members[index].weights[$0] != 0 } })
    }
}

/// One output file: mixes sources into its stem and writes it. Used by one thread at a time.
final class StemOutput {
    /// What it is made of.
    let recipe: StemRecipe
    /// Where it goes.
    let writer: AudioWriter

    private let channels: Int
    private let survey: TrackSurvey
    private let planes: [Int: Int]
    private let interleaved: UnsafeMutableBufferPointer<Float>
    private let track: UnsafeMutablePointer<Float>

    private static let sliceFrames = 8192

    /// A stem that goes to `writer`.
    init(_ recipe: StemRecipe, writer: AudioWriter, channels: Int, survey: TrackSurvey, planes: [Int: Int]) {
        self.recipe = recipe
        self.writer = writer
        self.channels = channels
        self.survey = survey
        self.planes = planes
        interleaved = .allocate(capacity: Self.sliceFrames * channels)
        track = .allocate(capacity: Self.sliceFrames)
    }

    deinit {
        interleaved.deallocate()
        track.deallocate()
    }

    /// Writes the frames from the accumulator's beginning up to `end`.
    func write(_ accumulator: Accumulator, _ window: TrackWindow, upTo end: Int) throws {
        var position = accumulator.start
        while position < end {
            let count = min(Self.sliceFrames, end - position)
            for channel in 0..<channels { mix(accumulator, window, channel: channel, from: position, count: count) }
            try writer.write(UnsafeBufferPointer(rebasing: interleaved[..<(count * channels)]))
            position += count
        }
    }

    /// One channel into the interleaved buffer; the normalisation is undone for every source, as in the reference.
    private func mix(_ accumulator: Accumulator, _ window: TrackWindow, channel: Int, from position: Int, count: Int) {
        let offset = position - accumulator.start
        let (mean, deviation) = (survey.mean, survey.deviation)
        func source(_ index: Int) -> UnsafePointer<Float> {
            accumulator.plane((planes[index] ?? 0) * channels + channel) + offset
        }
        switch recipe.ingredients {
        case .sources(let indices):
            for frame in 0..<count { interleaved[frame * channels + channel] = 0 }
            for index in indices {
                let source = source(index)
                for frame in 0..<count { interleaved[frame * channels + channel] += source[frame] * deviation + mean }
            }
        case .trackMinus(let indices):
            window.copy(channel: channel, from: position, count: count, to: track) { $0 }
            for frame in 0..<count { interleaved[frame * channels + channel] = track[frame] }
            for index in indices {
                let source = source(index)
                for frame in 0..<count { interleaved[frame * channels + channel] -= source[frame] * deviation + mean }
            }
        }
    }
}

/// The output files of one track: all of them, or none.
final class StemOutputs {
    private let stems: [StemOutput]
    private let pool: ThreadPool
    private let madeFolders: [URL]
    private var isFinished = false

    /// Opens all files; folders are made as needed.
    ///
    /// - Parameters:
    ///   - planes: for each needed source, where it stands in the accumulator.
    ///   - pool: the threads that encode.
    init(
        _ recipes: [StemRecipe], at output: (String) -> URL, options: SeparationOptions, bag: Bag, survey: TrackSurvey,
        planes: [Int: Int], pool: ThreadPool
    ) throws {
        let urls = recipes.map { output($0.name) }
        var made: [URL] = []
        do {
            for url in urls { made += try makeFolder(url.deletingLastPathComponent()) }
            stems = try zip(recipes, urls).map { recipe, url in
                let writer = try AudioWriter(
                    url, format: options.format, sampleRate: bag.sampleRate, channels: bag.channels,
                    clipMode: options.clipMode, frames: survey.frames)
                return StemOutput(recipe, writer: writer, channels: bag.channels, survey: survey, planes: planes)
            }
        } catch {
            removeFolders(made)
            throw error
        }
        madeFolders = made
        self.pool = pool
    }

    deinit {
        guard !isFinished else { return }
        for stem in stems { stem.writer.cancel() }
        removeFolders(madeFolders)
    }

    /// Writes the frames from the accumulator's beginning up to `end`.
    func write(_ accumulator: Accumulator, _ window: TrackWindow, upTo end: Int) throws {
        try each { try $0.write(accumulator, window, upTo: end) }
    }

    /// Completes all files, then gives them their names.
    func finish(isCancelled: () -> Bool) throws -> [SeparationReport.Stem] {
        let lock = NSLock()
        try each { stem in try stem.writer.complete { lock.withLock(isCancelled) } }
        let results = try stems.map { stem in
            let result = try stem.writer.finish()
            return SeparationReport.Stem(
                name: stem.recipe.name, url: result.url, peak: result.peak, frames: result.frames, gain: result.gain)
        }
        isFinished = true
        return results
    }

    /// Does the same for every stem, on several threads: encoding an MP3 takes its time.
    private func each(_ body: (StemOutput) throws -> Void) throws {
        let failure = Mutex<(any Error)?>(nil)
        pool.run(stems.count) { index, _ in
            do {
                try body(stems[index])
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// Makes a folder and what is missing above it; returns what was made, outermost first.
private func makeFolder(_ folder: URL) throws -> [URL] {
    var missing: [URL] = []
    var url = folder.standardizedFileURL
    while !FileManager.default.fileExists(atPath: url.path), url.path != "/" {
        missing.insert(url, at: 0)
        url = url.deletingLastPathComponent()
    }
    do {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
        throw AudioError.cannotWrite(path: folder.path, reason: "the folder cannot be made")
    }
    return missing
}

/// Removes folders that are empty, innermost first.
private func removeFolders(_ folders: [URL]) {
    for folder in folders.reversed() { rmdir(folder.path) }
}
