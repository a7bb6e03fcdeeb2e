import ArgumentParser
import Evaluation
import Foundation

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
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .filter { ["wav", "flac", "mp3", "ogg", "aiff"].contains($0.pathExtension.lowercased()) }
    return Dictionary(files.map { ($0.deletingPathExtension().lastPathComponent, $0) }) { first, _ in first }
}
