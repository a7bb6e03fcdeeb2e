import ArgumentParser
import Audio
import Foundation
import ModelStore
import Separation
import Tensors
import Threading

/// One run of `msaas separate`: all tracks, one after the other, through one bag of models.
struct SeparationRun: Sendable {
    var files: BagFiles
    var options: SeparationOptions
    var folder: URL
    var template: FilenameTemplate
    var threads: Int
    var precision: Precision
    var choice: KernelChoice
    var memoryLimit: MemoryLimit?
    var isVerbose: Bool
    var interruption: Interruption

    /// Separates the tracks; a bad one is reported on standard error and does not keep the others waiting.
    ///
    /// - Returns: how many tracks could not be separated.
    /// - Throws: what is wrong with the models or the options; `CancellationError` after an interruption.
    func separate(_ tracks: [String]) async throws -> Int {
        let thread = BlockingThread(name: "separation")
        return try await thread.run { try separateBlocking(tracks) }
    }

    private func separateBlocking(_ tracks: [String]) throws -> Int {
        let kernels = choice.kernels
        let bag = try Bag(
            name: files.name, checkpoints: files.open(), weights: files.weights, segment: files.segment,
            threads: threads, kernels: kernels)
        try checkNames(bag)
        let separator = try Separator(bag: bag, options: options, memoryLimit: memoryLimit)
        say("Separated tracks will be stored in \(folder.path)")
        if isVerbose { say("Seed \(options.seed.map { "\($0)" } ?? "random"), \(options.format)") }
        if isVerbose || precision != .float32 { say("Products in \(choice)\(fallback(kernels))") }
        if isVerbose || memoryLimit != nil { say("\(separator.memory)") }
        if separator.modelCount < files.models.count, options.otherMethod == .automatic, let stem = options.twoStems {
            say(
                "\(separator.modelCount) of \(files.models.count) models needed; no_\(stem) is the track minus \(stem) "
                    + "(--other-method add: the sum of the other stems, by all models)")
        }
        var failed = 0
        for track in tracks {
            if interruption.isRequested { throw CancellationError() }
            do {
                try separate(track, with: separator)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                report("\(error)")
                failed += 1
            }
        }
        return failed
    }

    private func fallback(_ kernels: Kernels) -> String {
        kernels.precision == precision ? "" : "; this processor is not faster in \(precision.rawValue)"
    }

    private func separate(_ track: String, with separator: Separator) throws {
        let url = URL(filePath: track)
        guard FileManager.default.fileExists(atPath: url.path) else {
            return try missing(track)
        }
        say("Separating track \(track)")
        var meter = Meter()
        var duration: Double?
        defer { meter.clear() }
        let report = try separator.separate(
            url, to: { output(url, stem: $0) }, measured: { duration = $0.seconds },
            progress: { fraction in
                meter.show(fraction, duration: duration)
                return !interruption.isRequested
            })
        meter.clear()
        for warning in report.warnings { self.report("\(track): \(warning)") }
        for stem in report.stems {
            say("  \(stem.url.relativePath)" + (isVerbose ? "  peak \(String(format: "%.3f", stem.peak))" : ""))
        }
        let speed = String(
            format: "%.1f s, %.1f × real time", report.separationSeconds, report.duration / report.separationSeconds)
        say("  \(time(report.duration)) of audio in \(speed)")
    }

    private func output(_ track: URL, stem: String) -> URL {
        folder.appending(
            path: template.path(
                track: track.lastPathComponent, stem: stem, fileExtension: options.format.name.fileExtension))
    }

    /// Refuses a pattern that gives all stems the same name.
    private func checkNames(_ bag: Bag) throws {
        let names = StemRecipe.names(bag: bag, options: options)
        let paths = Set(names.map { output(URL(filePath: "track.wav"), stem: $0).path })
        guard paths.count == names.count else {
            throw CommandFailure("--filename \(template) gives all stems the same name; put {stem} into it.")
        }
    }

    private func missing(_ track: String) throws {
        throw CommandFailure(
            "File \(track) does not exist. If its name has spaces in it, put quotes around it.")
    }

    private func report(_ sentence: String) { FileHandle.standardError.write(Data((sentence + "\n").utf8)) }
}
