import ArgumentParser
import Foundation
import Separation

/// `msaas separate`: the reference's `demucs` command.
struct SeparateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "separate", abstract: "Separate tracks into stems, on this machine, without the service.",
        discussion: """
            Takes the flags of the reference command `demucs`, with the same names and meaning, and writes the same \
            files: OUT/MODEL/TRACK/STEM.wav.
            """)

    @Argument(
        help: ArgumentHelp(
            "The tracks: MP3, WAV, FLAC, M4A, Ogg, WMA, MP4, … whatever has sound in it.", valueName: "track"))
    var tracks: [String] = []

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Separation") var separation: SeparationFlags
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Machine") var machine: MachineOptions

    @Option(
        help: ArgumentHelp(
            "The most memory to take, such as 600M or 1.5Gi; what cannot fit is refused before it starts.",
            discussion: "Default: MSAAS_MEMORY_LIMIT, else the limit of the container (control group), if it has one.",
            valueName: "amount"))
    var memoryLimit: String?

    @Flag(help: "Print the models' names and leave.")
    var listModels = false

    @Flag(name: .shortAndLong, help: "Say more.")
    var verbose = false

    mutating func validate() throws {
        guard listModels || !tracks.isEmpty else {
            throw ValidationError("There is no track to separate; name at least one file.")
        }
    }

    func run() async throws {
        if listModels { return say(try model.list()) }
        let interruption = Interruption()
        let work = Task { try await separate(interruption) }
        interruption.onRequest { work.cancel() }
        do {
            try await work.value
        } catch  where error is CancellationError || interruption.isRequested {
            FileHandle.standardError.write(Data("Stopped; nothing half-done was left.\n".utf8))
            throw ExitCode(130)
        }
    }

    private func separate(_ interruption: Interruption) async throws {
        let options = try separation.options(format: output.format(), clipMode: output.clipMode)
        let limit =
            try memoryLimit.map { try MemoryLimit($0, source: "--memory-limit") }
            ?? MemoryLimit.inForce(environment: ProcessInfo.processInfo.environment)
        let precision = try machine.askedPrecision()
        let files = try await model.files()
        let run = SeparationRun(
            files: files, options: options, folder: output.folder(model: files.name), template: output.filename,
            threads: machine.threadCount, precision: precision, choice: try machine.kernels(), memoryLimit: limit,
            isVerbose: verbose,
            interruption: interruption)
        let failed = try await run.separate(tracks)
        if failed > 0 { throw ExitCode(1) }
    }
}
