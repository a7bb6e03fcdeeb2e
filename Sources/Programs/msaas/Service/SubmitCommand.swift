import ArgumentParser
import Foundation
import HTTPTransport
import LocalStack
import ServiceClient
import ServiceContract

/// Where the running service is: a flag, `MSAAS_URL`, the data folder's own note, or the default port.
struct ServiceOption: ParsableArguments {
    @Option(help: "The service's address (default: that of the data folder, else http://127.0.0.1:8080).")
    var server: String?

    @OptionGroup var data: DataOption

    func client() -> ServiceClient {
        let noted = try? StackAddress.read(from: data.directory).http
        let address = server ?? ProcessInfo.processInfo.environment["MSAAS_URL"] ?? noted ?? "http://127.0.0.1:8080"
        return ServiceClient(address: address, key: apiKey)
    }
}

/// The API key of this user, if there is one.
var apiKey: String? { ProcessInfo.processInfo.environment["MSAAS_API_KEY"].flatMap { $0.isEmpty ? nil : $0 } }

/// The options of an upload, by the names that `POST /upload` takes.
struct UploadOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .customLong("name")], help: "The model to separate with.")
    var model: String?

    @Option(help: "wav, wav24, float32, flac or mp3.")
    var format: String?

    @Option(help: "MP3 bit rate in kbit/s.")
    var bitrate: Int?

    @Option(name: .customLong("mp3-preset"), help: "2 for the best quality of the MP3 … 7 for the fastest encoding.")
    var preset: Int?

    @Option(help: ArgumentHelp("Separate into STEM and no_STEM only.", valueName: "stem"))
    var twoStems: String?

    @Option(help: "How no_STEM is made: auto, add, minus or none.")
    var otherMethod: String?

    @Option(help: "Randomly shifted passes to average.")
    var shifts: Int?

    @Option(help: "How much segments overlap, 0 to 0.9.")
    var overlap: Double?

    @Option(help: "rescale, clamp or none.")
    var clipMode: String?

    var values: [String: String] {
        let all: [(String, String?)] = [
            ("model", model), ("format", format), ("bitrate", bitrate.map(String.init)),
            ("mp3_preset", preset.map(String.init)), ("two_stems", twoStems),
            ("other_method", otherMethod), ("shifts", shifts.map(String.init)), ("overlap", overlap.map { "\($0)" }),
            ("clip_mode", clipMode),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, value in value.map { (name, $0) } })
    }
}

/// `msaas submit`: upload, follow, download.
struct SubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Upload files to a running service, follow them and download their stems.")

    @Argument(help: ArgumentHelp("The files to separate.", valueName: "file"))
    var files: [String]

    @Option(
        name: [.customShort("o"), .long], help: "The folder for the stems; with several files, one below it for each.")
    var out = "stems"

    @OptionGroup var options: UploadOptions
    @OptionGroup var service: ServiceOption

    func run() async throws {
        let client = service.client()
        var failures = 0
        for file in files.map({ URL(filePath: $0) }) {
            let base = URL(filePath: out, directoryHint: .isDirectory)
            let folder =
                files.count == 1 ? base : base.appending(path: file.deletingPathExtension().lastPathComponent)
            do {
                let result = try await separate(file, with: client, options: options.values, into: folder)
                say(stemTable(result).text)
            } catch is CancellationError {
                throw ExitCode(130)
            } catch {
                FileHandle.standardError.write(Data("\(file.lastPathComponent): \(error)\n".utf8))
                failures += 1
            }
        }
        if failures > 0 { throw ExitCode.failure }
    }
}

/// What a song became.
struct SubmittedSong {
    let status: JobStatus
    let stems: [(name: String, file: URL)]
    /// From the start of the upload to the last stem's last byte.
    let seconds: Double
}

/// Uploads a file, shows its way through the service and downloads its stems.
func separate(
    _ file: URL, with client: ServiceClient, options: [String: String], into folder: URL
) async throws -> SubmittedSong {
    let start = ContinuousClock.now
    guard FileManager.default.isReadableFile(atPath: file.path) else {
        throw HTTPError.unreadableFile(file.path, "there is no such file, or it may not be read")
    }
    let line = StatusLine()
    await line.show("\(file.lastPathComponent): uploading")
    let job = try await client.upload(file, options: options)
    let status = try await client.follow(job) { await line.show("\(file.lastPathComponent): \($0.summary)") }
    var stems: [(String, URL)] = []
    for stem in status.stems {
        await line.show("\(file.lastPathComponent): downloading \(stem.name)")
        stems.append((stem.name, try await client.download(stem, of: job, to: folder)))
    }
    await line.clear()
    for warning in status.warnings { FileHandle.standardError.write(Data("Note: \(warning)\n".utf8)) }
    return SubmittedSong(status: status, stems: stems, seconds: (ContinuousClock.now - start) / .seconds(1))
}

func stemTable(_ song: SubmittedSong) -> TextTable {
    var table = TextTable(["stem", "MB", "file"], rightAligned: [1])
    for (name, file) in song.stems {
        let size = (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
        table.add([name, String(format: "%.1f", Double(size) / 1e6), file.relativePath])
    }
    return table
}

extension JobStatus {
    /// One line about where the job is.
    var summary: String {
        switch state {
        case .queued: position.map { "waiting, place \($0)" } ?? "waiting"
        case .running:
            ProgressMeter.bar(progress)
                + (etaSeconds.map { String(format: "  %.0f s left", max(0, $0)) } ?? "")
        default: state.rawValue
        }
    }
}
