import Audio
import Foundation
import Synchronization
import Tensors

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
                name: stem.recipe.name, url: result.url, peak: result.peak, frames: result.frames)
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
