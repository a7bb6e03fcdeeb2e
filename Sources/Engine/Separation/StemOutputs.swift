import Audio
import Foundation
import Synchronization
import Tensors

/// The output files of one track: all of them, or none.
///
/// Stems are mixed, converted to the rate of the files and encoded on all threads between two segments, so encoding is a part of
/// every segment's time and of the progress. What is left for the end is a stem that turned out to need rescaling: it is
/// encoded anew, and counts as work from the moment at which that is known.
final class StemOutputs {
    private let stems: [StemOutput]
    /// The track itself, for players.
    private let original: StemOutput?
    private let stemFile: StemFile?
    private let stemFileURL: URL?
    private let exactSum: ExactSum?
    private let shape: OutputShape
    private let pool: ThreadPool
    private let madeFolders: [URL]
    private var remainder: Remainder?
    private var progress = EncodingProgress()
    private var isFinished = false

    /// Opens all files; folders are made as needed.
    ///
    /// - Parameters:
    ///   - planes: for each needed source, where it stands in the accumulator.
    ///   - pool: the threads that encode.
    init(
        _ recipes: [StemRecipe], of track: URL, at output: (String) -> URL, options: SeparationOptions, bag: Bag,
        survey: TrackSurvey, planes: [Int: Int], pool: ThreadPool
    ) throws {
        let shape = OutputShape(survey, bag: bag, options: options)
        let tags = TrackTags(track)
        func peaks(_ name: String) -> URL? { options.studio?.appending(path: "\(name).dat") }
        func describe(_ stem: String?) -> AudioDescription {
            AudioDescription(
                format: shape.format, sampleRate: shape.sampleRate, channels: bag.channels,
                clipMode: options.sumsExactly ? .none : options.clipMode, frames: shape.frames,
                quantisation: options.sumsExactly ? .exact : .reference,
                tags: stem.map { tags?.completed(by: $0) } ?? tags, peaks: stem.flatMap(peaks))
        }
        func makeStem(_ recipe: StemRecipe, _ sink: StemOutput.Sink) throws -> StemOutput {
            let hasPeaks = if case .file = sink { true } else { false }
            return try StemOutput(
                recipe, sink: sink, peaks: hasPeaks ? peaks(recipe.name) : nil, channels: bag.channels, survey: survey,
                planes: planes, from: bag.sampleRate, shape: shape)
        }
        var made: [URL] = []
        do {
            if shape.format.name == .stemFile {
                let url = output(StemRecipe.stemFileName)
                made += try makeFolder(url.deletingLastPathComponent())
                let names = recipes.filter(\.isPart).map(\.name)
                let file = try StemFile(url, describe(nil), names: names)
                stems = try recipes.enumerated().map { try makeStem($1, .track($0, of: file)) }
                (stemFile, stemFileURL) = (file, url)
            } else {
                let urls = recipes.map { output($0.name) }
                for url in urls { made += try makeFolder(url.deletingLastPathComponent()) }
                stems = try zip(recipes, urls).map {
                    try makeStem($0, .file(AudioWriter($1, describe($0.name))))
                }
                (stemFile, stemFileURL) = (nil, nil)
            }
            original = try options.studio.map { folder in
                let recipe = StemRecipe.original
                let description = AudioDescription(
                    format: .original, sampleRate: shape.sampleRate, channels: bag.channels, clipMode: .none,
                    frames: shape.frames, quantisation: .exact, tags: tags, peaks: peaks(recipe.name))
                let url = folder.appending(path: "\(recipe.name).\(description.format.name.fileExtension)")
                return try makeStem(recipe, .file(AudioWriter(url, description)))
            }
            exactSum =
                try options.sumsExactly
                ? ExactSum(track, shape: shape, channels: bag.channels, selection: options.channels) : nil
        } catch {
            removeFolders(made)
            throw error
        }
        madeFolders = made
        self.shape = shape
        self.pool = pool
        let knowsAll = planes.count == bag.sources.count && !options.sumsExactly
        remainder = knowsAll ? Remainder(channels: bag.channels, survey: survey, planes: planes.count) : nil
    }

    deinit {
        guard !isFinished else { return }
        for stem in all { stem.cancel() }
        stemFile?.cancel()
        removeFolders(madeFolders)
    }

    private var all: [StemOutput] { stems + [original].compactMap { $0 } }

    /// What of the track the stems do not add up to, in dB of the track's power; nil where that is not known.
    var remainderDecibels: Double? { remainder?.decibels }

    /// What the listener should know, as sentences.
    var notes: [String] { [shape.note].compactMap { $0 } }

    /// Writes the frames from the accumulator's beginning up to `end`.
    func write(_ accumulator: Accumulator, _ window: TrackWindow, upTo end: Int) throws {
        let slices = stride(from: accumulator.start, to: end, by: StemOutput.sliceFrames)
            .map { $0..<min(end, $0 + StemOutput.sliceFrames) }
        if exactSum != nil {
            for slice in slices { try writeTogether { try $0.take(slice, accumulator, window) } }
        } else {
            try each { stem in
                for slice in slices {
                    try stem.take(slice, accumulator, window)
                    try stem.write()
                }
            }
        }
        remainder?.add(accumulator, window, upTo: end)
        try stemFile?.write()
    }

    /// Takes the same frames of all stems, lets them add up, and writes them.
    private func writeTogether(_ take: (StemOutput) throws -> Void) throws {
        try each(take)
        try exactSum?.distribute(stems.filter(\.recipe.isPart))
        try each { try $0.write() }
    }

    /// The finished part of all work when this part of the segments is done.
    func progress(separated part: Double) -> Double {
        let waiting = stems.count { $0.postponedFrames > 0 }
        let perFrame =
            stems.reduce(0) { $0 + $1.encodingSeconds } / Double(max(1, stems.reduce(0) { $0 + $1.encodedFrames }))
        return progress.whileSeparating(
            part,
            secondsToEncode: Double(waiting * shape.frames) * (perFrame > 0 ? perFrame : 1e-6)
                / Double(min(max(1, waiting), pool.threads)))
    }

    /// Completes all files, then gives them their names.
    ///
    /// - Parameter goOn: told the finished part of all work; answers whether to go on.
    func finish(
        _ goOn: (Double) -> Bool
    ) throws -> (stems: [SeparationReport.Stem], original: SeparationReport.Stem?) {
        try writeTogether { try $0.takeRest() }
        let postponed = stems.reduce(0) { $0 + $1.postponedFrames }
        let lock = NSLock()
        var encoded = 0
        try each { stem in
            try stem.complete {
                lock.withLock {
                    encoded += AudioWriter.blockFrames
                    return !goOn(progress.whileEncoding(Double(encoded) / Double(max(encoded, postponed))))
                }
            }
        }
        guard goOn(1) else { throw CancellationError() }
        try stemFile?.finish()
        let results = try stems.compactMap { try $0.finish() }
        let track = try original?.finish()
        isFinished = true
        guard let stemFileURL else { return (results, track) }
        let file = SeparationReport.Stem(
            name: StemRecipe.stemFileName, url: stemFileURL, peak: stems.map(\.peak).max() ?? 0, frames: shape.frames)
        return ([file], track)
    }

    /// Does the same for every stem, on several threads: encoding an MP3 takes its time.
    private func each(_ body: (StemOutput) throws -> Void) throws {
        let failure = Mutex<(any Error)?>(nil)
        let outputs = all
        pool.run(outputs.count) { index, _ in
            do {
                try body(outputs[index])
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

extension AudioFormat {
    /// In what the track itself is kept for players.
    static let original = AudioFormat.flac(bits: 16)
}

/// What the files are, once the track is known.
struct OutputShape {
    let format: AudioFormat
    /// Frames a second of the files.
    let sampleRate: Int
    /// Frames of each file.
    let frames: Int
    /// Why the files do not have the rate that was asked for.
    let note: String?

    init(_ survey: TrackSurvey, bag: Bag, options: SeparationOptions) {
        let original = options.keepsRate ? survey.original : nil
        let depth = original?.depth
        format = depth.map(options.format.holding) ?? options.format
        let wanted = original?.sampleRate ?? bag.sampleRate
        sampleRate = format.sampleRate(for: wanted)
        frames =
            if let original, original.sampleRate == sampleRate {
                original.frames
            } else {
                max(1, Int((Double(survey.frames) * Double(sampleRate) / Double(bag.sampleRate)).rounded(.down)))
            }
        note =
            if options.keepsRate, original == nil {
                "The track's sample rate changes within it; the stems have \(sampleRate) Hz."
            } else if options.keepsRate, sampleRate != wanted {
                "A \(format.name.rawValue) has no \(wanted) Hz; the stems have \(sampleRate) Hz."
            } else {
                nil
            }
    }
}

/// How far a separation is, of which a part is encoding: of two times, one measured and one estimated.
struct EncodingProgress {
    private let begin = ContinuousClock.now
    private var separating = 0.0
    private var encoding = 0.0
    private var told = 0.0

    /// So large a part of the segments is done, and then there is so much to encode.
    mutating func whileSeparating(_ part: Double, secondsToEncode: Double) -> Double {
        guard secondsToEncode > 0, part > 0 else { return tell(part) }
        separating = (ContinuousClock.now - begin) / .seconds(1)
        encoding = secondsToEncode
        return tell(separating / (separating / part + secondsToEncode))
    }

    /// So large a part of what had to be encoded at the end is done.
    mutating func whileEncoding(_ part: Double) -> Double {
        guard separating > 0 else { return tell(1) }
        return tell((separating + encoding * part) / (separating + encoding))
    }

    private mutating func tell(_ part: Double) -> Double {
        told = max(told, min(1, part))
        return told
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
