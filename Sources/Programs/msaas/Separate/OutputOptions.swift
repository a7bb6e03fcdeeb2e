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

    @Option(
        help: ArgumentHelp(
            "Write \(StemFormat.allCases.map(\.rawValue).joined(separator: ", ")) (default: as --filename ends, else wav).",
            valueName: "format"))
    var format: StemFormat?

    @Flag(help: "Give the stems the track's own sample rate, length and bits a sample.")
    var keepRate = false

    @Flag(help: "Share out what the model leaves over: WAV or FLAC stems add up to the track within one step.")
    var sumExact = false

    @Option(
        name: [.customLong("mp3-bitrate"), .customLong("bitrate")],
        help: ArgumentHelp("Bitrate of MP3, AAC, Opus and Vorbis.", valueName: "kbit/s"))
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
            try audioFormat().validate()
        } catch let error as ValidationError {
            throw error
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// What the flags and the ending of `--filename` say together. As in the reference, `--float32` says something about WAV
    /// only, and `--int24` nothing about MP3.
    ///
    /// - Throws: `ValidationError` where they contradict each other, or nothing is written under such an ending.
    func audioFormat() throws -> AudioFormat {
        let flags: [(name: String, format: StemFormat)] =
            (mp3 ? [("--mp3", .mp3)] : []) + (flac ? [("--flac", .flac)] : [])
            + (format.map { [("--format \($0.rawValue)", $0)] } ?? [])
        var chosen = flags.first?.format
        if let other = flags.first(where: { $0.format != chosen }) {
            throw ValidationError("\(flags[0].name) and \(other.name) contradict each other.")
        }
        switch filename.ending {
        case .open: break
        case .format(let named):
            if let flag = flags.first, flag.format.fileExtension != named.fileExtension {
                throw ValidationError("--filename \(filename) and \(flag.name) contradict each other.")
            }
            chosen = chosen ?? named
        case .unknown(let text):
            throw ValidationError(
                "--filename \(filename) ends in “\(text)”, which is not written here; end it with .{ext}, or with one of "
                    + Set(StemFormat.allCases.map { ".\($0.fileExtension)" }).sorted().joined(separator: ", ") + ".")
        }
        switch chosen ?? .standard {
        case .wav: return int24 ? .wav24 : float32 ? .float32 : .wav16
        case .wav24 where float32, .float32 where int24:
            throw ValidationError("\(flags[0].name) and --\(int24 ? "int24" : "float32") contradict each other.")
        case let name: return AudioFormat(name, bits: int24 ? 24 : 16, bitrate: mp3Bitrate, preset: mp3Preset)
        }
    }

    /// The model's folder; its name is made fit as in the reference.
    func folder(model: String) -> String {
        "\(out)/\(model.replacing("hf://", with: "").replacing("/", with: "_"))"
    }
}

extension StemFormat: ExpressibleByArgument {}
