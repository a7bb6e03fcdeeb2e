import ArgumentParser
import Foundation
import LocalStack
import ServiceClient

/// `msaas demo`: the whole service, once, for one song.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Start the service, separate one song through it, leave its stems, stop.",
        discussion:
            "Where the song's folder also holds true stems (as models/starter/demo does), the table shows the SDR.")

    @Argument(help: "The song.")
    var song = "models/starter/demo/song.mp3"

    @Option(name: [.customShort("o"), .long], help: "The folder for the stems.")
    var out = "stems"

    @OptionGroup var stack: StackOptions

    func run() async throws {
        let song = URL(filePath: song)
        guard FileManager.default.isReadableFile(atPath: song.path) else {
            throw CommandFailure("There is no readable file \(song.path).")
        }
        let folder = URL(filePath: out, directoryHint: .isDirectory)
        let configuration = try stack.configuration()
        let start = ContinuousClock.now
        try await runService(LocalStack(configuration: configuration, logger: commandLogger())) { address in
            let ready = (ContinuousClock.now - start) / .seconds(1)
            say(String(format: "The service is up after %.1f s at %@.", ready, address.http))
            let result = try await separate(
                song, with: ServiceClient(address: address.http, key: apiKey), options: [:], into: folder)
            say(try Self.report(result, song: song, folder: folder))
        }
    }

    private static func report(_ result: SubmittedSong, song: URL, folder: URL) throws -> String {
        let scores = try scoreStems(folder, against: song.deletingLastPathComponent())
        var table = TextTable(
            ["stem", "MB", "file"] + (scores.isEmpty ? [] : ["SDR dB"]), rightAligned: scores.isEmpty ? [1] : [1, 3])
        for (name, file) in result.stems {
            let size = (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
            let score = scores.first { $0.name == name }.map { decibels($0.score.sdr) }
            table.add(
                [name, String(format: "%.1f", Double(size) / 1e6), file.relativePath] + (score.map { [$0] } ?? []))
        }
        let model = result.status.model.map { " with \($0)" } ?? ""
        let time = String(format: "%.1f", result.seconds)
        return "\(song.lastPathComponent): upload, separation\(model) and download took \(time) s.\n\n\(table.text)"
    }
}
