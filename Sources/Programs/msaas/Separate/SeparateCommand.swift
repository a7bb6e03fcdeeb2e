import ArgumentParser
import Foundation
import ModelStore
import Separation
import Terminal

/// `msaas separate`: the reference's `demucs` command.
struct SeparateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "separate", abstract: "Separate tracks into stems, on this machine, without the service.",
        discussion: """
            Takes the flags of the reference command `demucs`, with the same names and meaning, and writes the same \
            files: OUT/MODEL/TRACK/STEM.wav. Of a folder, the music in it is separated; with --recursive, stems of \
            FOLDER/ALBUM/TRACK go to OUT/MODEL/ALBUM/TRACK. Two tracks of one name are kept apart: TRACK (2).
            """)

    @Argument(
        help: ArgumentHelp(
            "The tracks: MP3, WAV, FLAC, M4A, Ogg, WMA, MP4, … whatever has sound in it; or folders.",
            valueName: "track"))
    var tracks: [String] = []

    @OptionGroup var how: HowToSeparate

    @Flag(help: "Leave out tracks whose stems are all there and not older than the track.")
    var skipExisting = false

    @Flag(help: "Print the models' names and leave.")
    var listModels = false

    func validate() throws {
        guard listModels || !tracks.isEmpty else {
            throw ValidationError("There is no track to separate; name at least one file or folder.")
        }
    }

    func run() async throws {
        if listModels { return say(try how.model.list()) }
        let interruption = Interruption()
        let outcome = try await interruption.run { try await separate(interruption) }
        let isOneFile = tracks.count == 1 && FileFacts(tracks[0])?.isFolder != true
        if !isOneFile || skipExisting { say(outcome.sentence) }
        if interruption.isRequested {
            note("Stopped; nothing half-done was left.")
            throw ExitCode(Interruption.status)
        }
        if outcome.failed > 0 || outcome.total == 0 || outcome.succeeded + outcome.present < outcome.total {
            throw ExitCode.failure
        }
    }

    private func separate(_ interruption: Interruption) async throws -> Tally {
        var tally = Tally("tracks", "separated", total: tracks.count)
        do {
            var (batch, plan) = try await how.begin(interruption)
            let list = TrackList(
                tracks, isRecursive: how.batch.recursive, excluding: [how.output.out, plan.folder])
            for sentence in list.notes { note(sentence) }
            var entries = try plan.place(list.tracks)
            for entry in entries where entry.title != entry.track.title {
                note(
                    "\(ByteNames.shown(entry.track.path)): its name is taken; its stems go to \(ByteNames.shown(entry.title))."
                )
            }
            if skipExisting { entries.removeAll(where: \.isPresent) }
            tally = try await batch.separate(entries)
            tally.present = list.tracks.count - entries.count
            tally.total = list.tracks.count
        } catch  where error is CancellationError || interruption.isRequested {}
        return tally
    }
}

/// What `separate` and `watch` have in common: all flags of the reference but for the tracks.
struct HowToSeparate: ParsableArguments {
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Separation") var separation: SeparationFlags
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Machine") var machine: MachineOptions
    @OptionGroup(title: "Tracks") var batch: BatchOptions

    /// Opens the models, downloaded first if need be, and says where stems will be.
    func begin(_ interruption: Interruption) async throws -> (Batch, StemPlan) {
        let options = try separation.options(output)
        // What is wrong with these is said before a model is fetched.
        _ = try batch.limit(machine.settings())
        let files = try await model.files()
        let batch = try await Batch(
            files: files, options: options, quality: separation.quality, machine: machine, batch: batch,
            interruption: interruption)
        let plan = try StemPlan(
            folder: output.folder(model: files.name), template: output.filename, stems: batch.stems,
            fileExtension: options.format.name.fileExtension)
        let here = plan.folder.hasPrefix("/") ? "" : (ByteNames.workingFolder() ?? ".") + "/"
        say("Separated tracks will be stored in \(ByteNames.shown(here + plan.folder))")
        return (batch, plan)
    }
}
