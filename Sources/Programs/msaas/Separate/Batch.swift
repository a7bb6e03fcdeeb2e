import Audio
import Foundation
import ModelStore
import Separation
import SeparationChoices
import Synchronization
import Tensors
import Terminal
import Threading

/// Tracks on their way through one bag of models: several at a time where that was asked for and memory allows it.
///
/// Each of those that are worked on at a time has a thread of its own and its share of the processor's threads; the weights are
/// there once. A bad track is told and keeps nobody waiting. What ends the batch as a whole is an interruption and a full disk.
struct Batch: Sendable {
    private let bag: Bag
    private let options: SeparationOptions
    private let threads: Int
    private let jobs: Int
    private let memoryLimit: MemoryLimit?
    private let isVerbose: Bool
    /// What the time of a track is foretold from; nil where nobody asked for a quality.
    private let expectation: Expectation?
    private let interruption: Interruption
    private let line = StatusLine()

    /// Opens the models and says what will compute.
    ///
    /// - Throws: what is wrong with models or options, and what does not fit into the memory.
    init(
        files: BagFiles, options: SeparationOptions, quality: Quality?, machine: MachineOptions, batch: BatchOptions,
        interruption: Interruption
    ) async throws {
        let settings = try machine.settings()
        let (threads, asked, limit) = (settings.threadCount, max(1, batch.jobs), try batch.limit(settings))
        let isVerbose = batch.verbose
        let precision = settings.precision ?? (quality?.roundsProducts == true ? .bfloat16 : .float32)
        let choice = settings.choice(usual: precision)
        let (plan, expectation) = try await BlockingThread(name: "models").run {
            let bag = try Bag(
                name: files.name, checkpoints: files.open(), weights: files.weights, segment: files.segment,
                threads: threads, kernels: choice.kernels)
            let plan = try Plan(bag, options: options, threads: threads, tracks: asked, limit: limit)
            return (plan, quality.map { Expectation($0, options: options, kernels: choice.kernels) })
        }
        bag = plan.bag
        jobs = plan.memory.tracks
        self.threads = plan.memory.threads
        self.options = options
        self.memoryLimit = limit
        self.isVerbose = isVerbose
        self.expectation = expectation
        self.interruption = interruption

        let fallback =
            choice.kernels.precision == precision ? "" : "; this processor is not faster in \(precision.rawValue)"
        if isVerbose { say("Seed \(options.seed.map { "\($0)" } ?? "random"), \(options.format)") }
        if isVerbose || precision != .float32 { say("Products in \(choice)\(fallback)") }
        if isVerbose || limit != nil { say("\(plan.memory)") }
        if jobs < asked { say("Memory allows \(jobs) of \(asked) tracks at a time.") }
        if plan.models < files.models.count, options.otherMethod == .automatic, let stem = options.twoStems {
            say(
                "\(plan.models) of \(files.models.count) models needed; no_\(stem) is the track minus \(stem) "
                    + "(--other-method add: the sum of the other stems, by all models)")
        }
    }

    /// How many tracks at a time, and what that takes.
    private struct Plan: Sendable {
        let bag: Bag
        let memory: MemoryPlan
        let models: Int

        /// The most of `tracks` that fit, each with its share of the threads.
        init(_ bag: Bag, options: SeparationOptions, threads: Int, tracks: Int, limit: MemoryLimit?) throws {
            var jobs = tracks
            while true {
                let share = try bag.sharing(threads: max(1, threads / jobs))
                let separator = try Separator(bag: share, options: options, memoryLimit: limit)
                let fitting = separator.memory.tracksThatFit(limit: limit)
                if jobs == 1 || fitting >= jobs {
                    (self.bag, models) = (bag, separator.modelCount)
                    var memory = separator.memory
                    memory.tracks = jobs
                    self.memory = memory
                    return
                }
                // With fewer at a time each has more threads, and takes more.
                jobs = max(1, min(fitting, jobs - 1))
            }
        }
    }

    /// The names of each track's files.
    var stems: [String] { StemRecipe.names(bag: bag, options: options) }

    /// What the threads of a batch share.
    private struct Standing {
        var next = 0
        var tally: Tally
        var isStopped = false
    }

    /// Separates the tracks.
    ///
    /// - Returns: what became of them. After an interruption, or when the disk is full, some were not begun.
    func separate(_ entries: [StemPlan.Entry]) async throws -> Tally {
        let progress = BatchProgress(of: entries.count, on: line)
        let standing = Shared(Standing(tally: Tally("tracks", "separated", total: entries.count)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<min(jobs, entries.count) {
                group.addTask {
                    try await BlockingThread(name: "separation \(number)").run {
                        let separator = try Separator(
                            bag: try bag.sharing(threads: threads), options: options,
                            memoryLimit: jobs > 1 ? nil : memoryLimit)
                        while !interruption.isRequested, let index = standing.takeNext(of: entries.count) {
                            let outcome = separate(entries[index], index, with: separator, progress)
                            progress.end(index)
                            standing.count(outcome)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return standing.tally
    }

    private final class Shared: Sendable {
        private let standing: Mutex<Standing>

        init(_ standing: Standing) { self.standing = Mutex(standing) }

        var tally: Tally { standing.withLock { $0.tally } }

        func takeNext(of count: Int) -> Int? {
            standing.withLock { standing in
                guard standing.next < count, !standing.isStopped else { return nil }
                standing.next += 1
                return standing.next - 1
            }
        }

        func count(_ outcome: Outcome) {
            standing.withLock { standing in
                switch outcome {
                case .separated: standing.tally.succeeded += 1
                case .failed: standing.tally.failed += 1
                case .interrupted: break
                case .diskFull:
                    standing.tally.failed += 1
                    standing.isStopped = true
                }
            }
        }
    }

    private enum Outcome {
        case separated, failed, interrupted, diskFull
    }

    private func separate(
        _ entry: StemPlan.Entry, _ index: Int, with separator: Separator, _ progress: BatchProgress
    ) -> Outcome {
        let path = entry.track.path
        let shown = ByteNames.shown(path)
        let isPipe = path == "-" || SpooledTrack.isPipe(path)
        guard isPipe || FileFacts(path) != nil else {
            tell("File \(shown) does not exist. If its name has spaces in it, put quotes around it.")
            return .failed
        }
        line.above { say("Separating track \(shown)") }
        let track = ReachedFile(path)
        let outputs = StemFiles(entry.files)
        var pipe: SpooledTrack?
        do {
            if isPipe { pipe = try spool(path) }
            var seconds: Double?
            let report = try separator.separate(
                pipe?.url ?? track.url, to: outputs.url,
                measured: { forecast in
                    seconds = forecast.seconds
                    guard let expectation else { return }
                    line.above {
                        note("\(shown): \(expectation.sentence(forecast, threads: separator.memory.threads))")
                    }
                },
                progress: { share in
                    progress.update(index, share: share, seconds: seconds)
                    return !interruption.isRequested
                })
            try outputs.finish()
            line.above { self.report(report, of: shown, entry) }
            return .separated
        } catch is CancellationError {
            return .interrupted
        } catch {
            tell("\(error)".replacing((pipe?.url ?? track.url).path, with: path == "-" ? "standard input" : path))
            if case AudioError.diskFull = error { return .diskFull }
            return .failed
        }
    }

    /// What comes through standard input or a pipe that the shell has made.
    private func spool(_ path: String) throws -> SpooledTrack {
        let pipe = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard pipe >= 0 else { throw AudioError.cannotOpen(path: path, reason: String(cString: strerror(errno))) }
        defer { close(pipe) }
        return try SpooledTrack(pipe, name: path == "-" ? "standard input" : path) { !interruption.isRequested }
    }

    private func report(_ report: SeparationReport, of shown: String, _ entry: StemPlan.Entry) {
        for warning in report.warnings { note("\(shown): \(warning)") }
        if jobs > 1 { say("Track \(shown):") }
        for stem in report.stems {
            let file = ByteNames.shown(entry.files[stem.name] ?? stem.name)
            say("  \(file)" + (isVerbose ? "  peak \(String(format: "%.3f", stem.peak))" : ""))
        }
        if let remainder = report.remainder {
            say(
                String(
                    format: "  The sources add up to the track but for %.1f dB (--sum-exact shares it out)", remainder))
        }
        let speed = String(
            format: "%.1f s, %.1f × real time", report.separationSeconds, report.duration / report.separationSeconds)
        say("  \(time(report.duration)) of audio in \(speed)")
    }

    private func tell(_ sentence: String) { line.above { note(ByteNames.shown(sentence)) } }
}

/// What a quality comes to, and how long a track will take with it.
private struct Expectation: Sendable {
    private let choices: String
    private let gigaflops: Double

    /// Measures the rate of the kernels' product, which takes about 10 ms.
    init(_ quality: Quality, options: SeparationOptions, kernels: Kernels) {
        let shifts =
            switch options.shifts {
            case 0: "unshifted"
            case 1: "1 shift"
            case let count: "\(count) shifts"
            }
        choices = "\(quality.rawValue) (\(shifts), overlap \(options.overlap), \(kernels.precision.rawValue))"
        gigaflops = KernelChoice.productRates(of: [kernels])[0]
    }

    func sentence(_ forecast: SeparationForecast, threads: Int) -> String {
        "\(choices), \(time(forecast.seconds)) of audio, will take about "
            + "\(time(max(1, forecast.expectedSeconds(gigaflops: gigaflops, threads: threads))))."
    }
}

/// The files of one track's stems as URLs. Folders and files whose names are no Unicode are made here, under their own names.
private final class StemFiles {
    private let files: [String: String]
    private var folders: [String: ReachedFile] = [:]
    private var made: [String] = []
    private var renames: [(from: String, to: String)] = []
    private var isFinished = false

    init(_ files: [String: String]) { self.files = files }

    deinit {
        guard !isFinished else { return }
        for folder in made.reversed() { _ = ByteNames.withCString(folder) { rmdir($0) } }
    }

    /// Where the stem goes.
    func url(_ stem: String) -> URL {
        let path = files[stem] ?? stem
        if ByteNames.isPlain(path) { return ReachedFile(path).url }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = String(path[..<slash])
        let name = String(path[slash...].drop { $0 == "/" })
        make(folder)
        let reached = folders[folder] ?? ReachedFile(folder)
        folders[folder] = reached
        if ByteNames.isPlain(name) { return reached.url.appending(path: name) }
        let standIn = ".msaas-\(UInt64.random(in: 0 ... .max)).stem"
        renames.append(("\(folder)/\(standIn)", path))
        return reached.url.appending(path: standIn)
    }

    /// Gives files their names where they have another one until now.
    func finish() throws {
        isFinished = true
        for (from, to) in renames {
            guard ByteNames.withCString(from, { from in ByteNames.withCString(to) { rename(from, $0) } }) == 0 else {
                throw AudioError.cannotWrite(path: to, reason: String(cString: strerror(errno)))
            }
        }
    }

    private func make(_ folder: String) {
        guard !folder.isEmpty, FileFacts(folder) == nil else { return }
        if let slash = folder.lastIndex(of: "/") { make(String(folder[..<slash])) }
        if ByteNames.withCString(folder, { mkdir($0, 0o777) }) == 0 { made.append(folder) }
    }
}
