/// What a listener may choose about a separation, in the reference command's words, with one default each.
///
/// The engine, the command line and the service all take these types and these defaults, so that the same song with no
/// options gives the same stems whichever way it is sent. The defaults are those of the reference command
/// (`demucs.separate`), but for ``OtherMethod/standard``. What else an interface allows (how many shifts, which bit
/// rates) is a matter of its budget and stands with it.
public enum SeparationDefaults {
    /// Predictions of randomly shifted tracks that are averaged. One costs as much as none, and is what the reference does.
    public static let shifts = 1
    /// The part of a segment that it shares with the next.
    public static let overlap = 0.25
    /// Kilobits a second of an MP3, and of AAC, Opus and Vorbis.
    public static let mp3Bitrate = 320
    /// The quality of the MP3 encoder, 2 (best) to 7 (fastest).
    public static let mp3Preset = 2
}

/// How much work a separation is worth: one word for shifts, overlap and precision. What each step brings and costs is
/// measured in `Benchmarks/README.md`; whoever names one of the three himself goes before the word.
public enum Quality: String, Codable, Sendable, CaseIterable {
    /// The least work that leaves no seams to hear, with products in bfloat16 where the processor is faster with them.
    case fast
    /// The reference's choice.
    case balanced
    /// As much as is still measured to bring something.
    case best

    /// What is meant when nobody says anything.
    public static let standard = balanced

    /// Predictions of randomly shifted tracks that are averaged; 0: one, unshifted.
    public var shifts: Int {
        switch self {
        case .fast: 0
        case .balanced: SeparationDefaults.shifts
        case .best: 4
        }
    }

    /// The part of a segment that it shares with the next.
    public var overlap: Double {
        switch self {
        case .fast: 0.1
        case .balanced, .best: SeparationDefaults.overlap
        }
    }

    /// Whether products are rounded to bfloat16 where that is faster.
    public var roundsProducts: Bool { self == .fast }
}

/// How stems are written.
public enum StemFormat: String, Codable, Sendable, CaseIterable {
    /// WAV, 16-bit integers.
    case wav
    /// WAV, 24-bit integers.
    case wav24
    /// WAV, 32-bit floats.
    case float32
    /// FLAC.
    case flac
    /// MP3 at a constant bit rate.
    case mp3
    /// AAC in an MPEG-4 file.
    case m4a
    /// Opus in an Ogg file, always with 48,000 frames a second.
    case opus
    /// Vorbis in an Ogg file.
    case ogg
    /// One file for DJ software, as Native Instruments' Stems: the track and its four stems as AAC.
    case stemFile = "stem.mp4"

    /// What is written when nobody asks for anything else.
    public static let standard = StemFormat.wav

    /// The end of the file name, without a dot.
    public var fileExtension: String {
        switch self {
        case .wav, .wav24, .float32: "wav"
        case .flac, .mp3, .m4a, .opus, .ogg, .stemFile: rawValue
        }
    }

    /// The media type.
    public var contentType: String {
        switch self {
        case .wav, .wav24, .float32: "audio/wav"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        case .m4a, .stemFile: "audio/mp4"
        case .opus, .ogg: "audio/ogg"
        }
    }

    /// Whether what was written can be read back as it was.
    public var isLossless: Bool {
        switch self {
        case .wav, .wav24, .float32, .flac: true
        case .mp3, .m4a, .opus, .ogg, .stemFile: false
        }
    }
}

/// What happens to samples beyond full scale before they are written; the reference's `prevent_clip`.
public enum ClipMode: String, Codable, Sendable, CaseIterable {
    /// If the peak would clip, the whole stem is made quieter, so that its peak is at 1 / 1.01.
    case rescale
    /// Samples are limited to ±0.99.
    case clamp
    /// Nothing but the format's own limit of ±1.
    case none

    /// What happens when nobody asks for anything else.
    public static let standard = ClipMode.rescale
}

/// How "all but one stem" is made when two stems are asked for; the reference's `--other-method`.
public enum OtherMethod: String, Codable, Sendable, CaseIterable {
    /// As `no_STEM`: the sum of the other stems, unless that takes models of a bag which the stem itself does not need;
    /// then the track minus the stem. Of the four models of `htdemucs_ft` only one runs.
    case automatic = "auto"
    /// The sum of the other stems, as `no_STEM`.
    case add
    /// The track minus the stem, as `minus_STEM`.
    case minus
    /// Not at all.
    case none

    /// What is done when nobody asks for anything else. The reference's default is ``add``, which ``automatic`` equals
    /// for every single model and which costs four times as much for a bag of four.
    public static let standard = OtherMethod.automatic
}
