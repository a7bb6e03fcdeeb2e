import ArgumentParser
import EnvironmentSettings
import Evaluation
import Foundation
import LocalStack
import ModelStore
import ServiceClient
import ServiceContract
import Terminal

/// `msaas demo`: the whole service, once, for one song.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Start the service, separate one song through it, leave its stems, stop.",
        discussion:
            "Where the song's folder also holds true stems (as models/starter/demo does), the table shows the SDR.")

    @Argument(help: "The song (default: the one that comes with the models).")
    var song: String?

    @Option(name: [.customShort("o"), .long], help: "The folder for the stems.")
    var out = "stems"

    @OptionGroup var stack: StackOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let shipped = try ModelStore(environment: environment).shipped
        let song = song.map { URL(filePath: $0) } ?? shipped.appending(path: "starter/demo/song.mp3")
        guard FileManager.default.isReadableFile(atPath: song.path) else {
            throw CommandFailure("There is no readable file \(song.path).")
        }
        let folder = URL(filePath: out, directoryHint: .isDirectory)
        let configuration = try stack.configuration()
        let key = try ClientSettings.reading(environment).key
        let start = ContinuousClock.now
        try await runService(LocalStack(configuration: configuration, logger: try commandLogger())) { address in
            let ready = (ContinuousClock.now - start) / .seconds(1)
            say(String(format: "The service is up after %.1f s at %@.", ready, address.http))
            let begin = ContinuousClock.now
            let client = ServiceClient(address: address.http, key: key)
            let line = StatusLine()
            let job = try await client.upload(song)
            let status = try await client.follow(job) { line.show($0.summary, share: $0.progress) }
            var stems: [(name: String, file: URL)] = []
            for stem in status.stems { stems.append((stem.name, try await client.download(stem, of: job, to: folder))) }
            line.clear()
            let seconds = (ContinuousClock.now - begin) / .seconds(1)
            say(try Self.report(status, stems, seconds: seconds, song: song, folder: folder))
        }
    }

    private static func report(
        _ status: JobStatus, _ stems: [(name: String, file: URL)], seconds: Double, song: URL, folder: URL
    ) throws -> String {
        let scores = try scoreStems(folder, against: song.deletingLastPathComponent())
        var table = TextTable(
            ["stem", "MB", "file"] + (scores.isEmpty ? [] : ["SDR dB"]), rightAligned: scores.isEmpty ? [1] : [1, 3])
        for (name, file) in stems {
            let size = (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
            let score = scores.first { $0.name == name }.map { decibels($0.score.sdr) }
            table.add(
                [name, String(format: "%.1f", Double(size) / 1e6), file.relativePath] + (score.map { [$0] } ?? []))
        }
        let model = status.model.map { " with \($0)" } ?? ""
        let time = String(format: "%.1f", seconds)
        return "\(song.lastPathComponent): upload, separation\(model) and download took \(time) s.\n\n\(table.text)"
    }
}

/// `msaas score`: the SDR of separated stems.
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Print the SDR of separated stems against the true ones.",
        discussion: "Files are paired by name: STEMS/vocals.wav is compared with TRUTH/vocals.mp3.")

    @Argument(help: "The folder with the separated stems.")
    var stems: String

    @Argument(help: "The folder with the true stems.")
    var truth: String

    func run() throws {
        let scores = try scoreStems(URL(filePath: stems), against: URL(filePath: truth))
        guard !scores.isEmpty else {
            throw CommandFailure(
                "\(stems) and \(truth) have no stem in common; name files alike, as vocals.wav and vocals.mp3.")
        }
        var table = TextTable(["stem", "SDR dB", "SI-SDR dB"], rightAligned: [1, 2])
        for (name, score) in scores {
            table.add([name, decibels(score.sdr), decibels(score.scaleInvariantSDR)])
        }
        say(table.text)
    }
}

/// Scores of the stems that both folders hold, by name in alphabetical order.
func scoreStems(_ stems: URL, against truth: URL) throws -> [(name: String, score: StemScore)] {
    let estimates = try audioFiles(in: stems)
    let truths = try audioFiles(in: truth)
    return try estimates.keys.sorted().compactMap { name in
        guard let estimate = estimates[name], let truth = truths[name] else { return nil }
        return (name, try StemScore(estimate: estimate, truth: truth))
    }
}

func decibels(_ value: Double?) -> String { value.map { String(format: "%.2f", $0) } ?? "silent" }

private func audioFiles(in folder: URL) throws -> [String: URL] {
    guard let all = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) else {
        throw CommandFailure("The folder \(folder.relativePath) cannot be read. Is it there, and may you read it?")
    }
    let files = all.filter {
        ["wav", "flac", "mp3", "ogg", "aiff", "m4a", "opus"].contains($0.pathExtension.lowercased())
    }
    return Dictionary(files.map { ($0.deletingPathExtension().lastPathComponent, $0) }) { first, _ in first }
}
