import ArgumentParser
import Audio
import Separation
import SeparationChoices

/// How the tracks are separated.
struct SeparationFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "fast, balanced or best: shifts, overlap and precision in one word; the time that it will take is said.",
            discussion: """
                balanced is what the reference does and the default. fast overlaps segments by a tenth and uses bf16 where the \
                processor is faster with it; best averages four shifts. Each of the three can still be named by itself.
                """, valueName: "quality"))
    var quality: Quality?

    @Option(
        help: ArgumentHelp(
            "Average the predictions for this many random shifts in time; 0: one prediction, unshifted (default: \(SeparationDefaults.shifts))."
        ))
    var shifts: Int?

    @Option(
        help: ArgumentHelp(
            "Part of a segment that it shares with the next, from 0 to less than 1 (default: \(SeparationDefaults.overlap))."
        ))
    var overlap: Double?

    @Option(help: ArgumentHelp("Length of a segment (default: the model's own).", valueName: "seconds"))
    var segment: Double?

    @Flag(help: .hidden)
    var noSplit = false

    @Option(help: ArgumentHelp("Write only this stem, and what remains of the track.", valueName: "stem"))
    var twoStems: String?

    @Option(
        help: ArgumentHelp(
            "Write only these stems, such as vocals,drums; none for --mix alone. Models of a bag that none needs do not run.",
            valueName: "stems"))
    var stems: String?

    @Option(
        help: ArgumentHelp(
            "Write a mix as a file of its own: karaoke, drumless, bassless, NAME=song-vocals or NAME=drums+bass; may be repeated.",
            valueName: "mix"))
    var mix: [StemMix] = []

    @Option(
        help: ArgumentHelp(
            "How what remains is made: the other stems' sum (add), the track minus the stem (minus), or not (none).",
            discussion: """
                The default, auto, is add, unless that takes models of a bag which the stem itself does not need: of \
                htdemucs_ft only one model runs, and no_STEM is the track minus the stem.
                """))
    var otherMethod = OtherMethod.standard

    @Option(
        help: ArgumentHelp(
            "The track's channels to separate, such as 1,2 or FC (default: all; more than two are mixed down).",
            valueName: "channels"))
    var channels = ChannelSelection.all

    @Option(help: "Makes the random shifts the same every time.")
    var seed: UInt64?

    func validate() throws {
        if stems != nil, twoStems != nil { throw ValidationError("--stems and --two-stems contradict each other.") }
        if noSplit, segment != nil { throw ValidationError("--no-split and --segment contradict each other.") }
        if noSplit {
            throw ValidationError(
                "--no-split cannot be done: HTDemucs works on segments of the length that it was trained for. "
                    + "Leave it out; memory does not grow with the track.")
        }
    }

    /// The same as a value; the rest is checked against the model.
    func options(_ output: OutputOptions) throws -> SeparationOptions {
        var options = SeparationOptions()
        let quality = quality ?? .standard
        options.shifts = shifts ?? quality.shifts
        options.overlap = overlap ?? quality.overlap
        options.segment = segment
        options.seed = seed
        options.channels = channels
        options.twoStems = twoStems
        options.stems = stems.map { $0 == "none" ? [] : $0.split(separator: ",").map(String.init) }
        options.mixes = mix
        options.otherMethod = otherMethod
        options.format = try output.audioFormat()
        options.clipMode = output.clipMode
        options.keepsRate = output.keepRate
        options.sumsExactly = output.sumExact
        return options
    }
}

extension Quality: ExpressibleByArgument {}
extension OtherMethod: ExpressibleByArgument {}
extension ClipMode: ExpressibleByArgument {}
extension StemMix: ExpressibleByArgument {
    /// `NAME=drums+bass` or a preset's name.
    public init?(argument: String) { self.init(argument) }
}
extension ChannelSelection: ExpressibleByArgument {
    /// Numbers or names of channels, separated by commas.
    public init?(argument: String) { self.init(argument) }
    /// What the help shows.
    public var defaultValueDescription: String { "all" }
}
