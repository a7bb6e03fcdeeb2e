import ArgumentParser
import EnvironmentSettings
import Foundation
import HTTPTransport
import LocalStack
import SeparationChoices
import ServiceClient
import ServiceContract
import Terminal

/// Where the running service is: a flag, `MSAAS_URL`, the data folder's own note, or the default port.
struct ServiceOption: ParsableArguments {
    @Option(help: "The service's address (default: that of the data folder, else http://127.0.0.1:8080).")
    var server: String?

    @OptionGroup var data: DataOption

    func client() throws -> ServiceClient {
        let noted = try? StackAddress.read(from: data.directory).http
        let settings = try ClientSettings.reading(ProcessInfo.processInfo.environment)
        return ServiceClient(
            address: server ?? settings.address ?? noted ?? "http://127.0.0.1:8080", key: settings.key)
    }
}

/// The options of an upload, by the names that `POST /upload` takes.
struct UploadOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .customLong("name")], help: "The model to separate with.")
    var model: String?

    @Option(help: "\(StemFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format: String?

    @Option(help: "Bit rate of MP3, AAC, Opus and Vorbis in kbit/s.")
    var bitrate: Int?

    @Option(name: .customLong("mp3-preset"), help: "2 for the best quality of the MP3 … 7 for the fastest encoding.")
    var preset: Int?

    @Option(help: ArgumentHelp("Separate into STEM and no_STEM only.", valueName: "stem"))
    var twoStems: String?

    @Option(help: "How no_STEM is made: auto, add, minus or none.")
    var otherMethod: String?

    @Option(help: ArgumentHelp("Only these stems, such as vocals,drums; none for --mix alone.", valueName: "stems"))
    var stems: String?

    @Option(
        help: ArgumentHelp(
            "A mix as a file of its own: karaoke, drumless, bassless, NAME=song-vocals or NAME=drums+bass; may be repeated.",
            valueName: "mix"))
    var mix: [String] = []

    @Flag(help: "Give the stems the song's own sample rate, length and bits a sample.")
    var keepRate = false

    @Flag(help: "Share out what the model leaves over: WAV or FLAC stems add up to the song within one step.")
    var sumExact = false

    @Option(help: "fast, balanced or best: shifts and overlap in one word.")
    var quality: String?

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
            ("other_method", otherMethod), ("quality", quality), ("shifts", shifts.map(String.init)),
            ("overlap", overlap.map { "\($0)" }),
            ("clip_mode", clipMode), ("stems", stems), ("mixes", mix.isEmpty ? nil : mix.joined(separator: ",")),
            ("keep_rate", keepRate ? "true" : nil), ("sum_exact", sumExact ? "true" : nil),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, value in value.map { (name, $0) } })
    }
}

/// `msaas submit`: upload, follow, download.
struct SubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Upload files to a running service, follow them and download their stems.",
        discussion: """
            Several files are uploaded at a time, and all of them are followed. Stems of FILE go to a new folder OUT/FILE; one \
            that is there already is left alone: FILE (2). Ctrl-C leaves the jobs to the service; `msaas fetch` gets their \
            stems later.
            """)

    @Argument(help: ArgumentHelp("The files to separate, or folders with music in them.", valueName: "file"))
    var files: [String]

    @Option(name: [.customShort("o"), .long], help: "The folder for the stems; each song has its own folder in it.")
    var out = "stems"

    @Flag(name: .shortAndLong, help: "Also take what is in the folders inside the folders that are named.")
    var recursive = false

    @OptionGroup var options: UploadOptions
    @OptionGroup var service: ServiceOption

    func run() async throws {
        let list = TrackList(files, isRecursive: recursive, excluding: [out])
        for sentence in list.notes { note(sentence) }
        let interruption = Interruption()
        let delivery = Delivery(client: try service.client(), folder: out, total: list.tracks.count)
        do {
            try await interruption.run { try await submit(list.tracks, delivery) }
        } catch  where error is CancellationError || interruption.isRequested {}
        try delivery.end(isInterrupted: interruption.isRequested, isBatch: files.count > 1 || list.tracks.count != 1)
    }

    /// Two stages beside each other: files become jobs, jobs become stems. A few of each are under way at a time.
    private func submit(_ tracks: [Track], _ delivery: Delivery) async throws {
        let (jobs, accepted) = AsyncStream.makeStream(of: (JobID, Track).self)
        let (waiting, next) = AsyncStream.makeStream(of: Track.self)
        for track in tracks { next.yield(track) }
        next.finish()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { accepted.finish() }
                try await forEach(of: waiting, atOnce: 4) { track in
                    guard let job = try await delivery.upload(track, options: options.values) else { return }
                    accepted.yield((job, track))
                }
            }
            group.addTask {
                try await forEach(of: jobs, atOnce: 16) { job, track in
                    try await delivery.deliver(job, to: track.title, called: ByteNames.shown(track.path))
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Works off elements as they come, a few at a time.
func forEach<Elements: AsyncSequence & Sendable>(
    of elements: Elements, atOnce limit: Int, _ body: @escaping @Sendable (Elements.Element) async throws -> Void
) async throws where Elements.Element: Sendable {
    try await withThrowingTaskGroup(of: Void.self) { group in
        var running = 0
        for try await element in elements {
            if running >= limit { try await group.next() }
            running = min(running + 1, limit)
            group.addTask { try await body(element) }
        }
        try await group.waitForAll()
    }
}
