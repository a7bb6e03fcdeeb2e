import ArgumentParser
import Audio
import Foundation
import SeparationChoices

/// What is written, and where.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Folder for the stems; each model has its own folder in it.", valueName: "folder"))
    var out = "separated"

    @Option(help: "The files' names; {track}, {trackext}, {stem} and {ext} stand for what they say.")
    var filename = FilenameTemplate.standard

    @Flag(help: "Write WAV with 24 bits, or FLAC with 24 bits.")
    var int24 = false

    @Flag(help: "Write WAV with 32-bit floats.")
    var float32 = false

    @Flag(help: "Write FLAC.")
    var flac = false

    @Flag(help: "Write MP3.")
    var mp3 = false

    @Option(help: ArgumentHelp("Bitrate of the MP3.", valueName: "kbit/s"))
    var mp3Bitrate = SeparationDefaults.mp3Bitrate

    @Option(help: "2 for the best quality of the MP3 … 7 for the fastest encoding.")
    var mp3Preset = SeparationDefaults.mp3Preset

    @Option(
        help:
            "Against clipping: make the whole stem quieter if needed (rescale), cut its peaks off (clamp), or nothing (none)."
    )
    var clipMode = ClipMode.standard

    func validate() throws {
        if int24, float32 { throw ValidationError("--int24 and --float32 contradict each other.") }
        if flac, mp3 { throw ValidationError("--flac and --mp3 contradict each other.") }
        do {
            try format().validate()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// As in the reference, `--float32` says something about WAV only, and `--int24` nothing about MP3.
    func format() -> AudioFormat {
        if mp3 { return .mp3(bitrate: mp3Bitrate, preset: mp3Preset) }
        if flac { return .flac(bits: int24 ? 24 : 16) }
        return int24 ? .wav24 : float32 ? .float32 : .wav16
    }

    /// The model's folder; its name is made fit as in the reference.
    func folder(model: String) -> String {
        "\(out)/\(model.replacing("hf://", with: "").replacing("/", with: "_"))"
    }
}
