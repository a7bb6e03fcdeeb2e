import Untrusted

/// A file made of several stems: their sum, or the track without them.
public struct StemMix: Sendable, Equatable {
    /// The file's name, as a stem's.
    public var name: String
    /// Whether it is the track minus the stems, instead of their sum.
    public var isRemainder: Bool
    /// The stems.
    public var stems: [String]

    /// The mixes that have a name of their own: the song without its voice, its drums, its bass.
    public static let presets = ["karaoke": "vocals", "drumless": "drums", "bassless": "bass"]

    /// Reads `karaoke`, `drumless` or `bassless`, or a name and what it is made of: `NAME=drums+bass`,
    /// `NAME=song-vocals-drums`; nil for anything else. A space counts as the plus that it was before a web form.
    public init?(_ text: String) {
        if let stem = Self.presets[text] {
            (name, isRemainder, stems) = (text, true, [stem])
            return
        }
        let halves = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, PlainName.isValid(halves[0]) else { return nil }
        name = halves[0]
        isRemainder = halves[1].hasPrefix("song-")
        let list = isRemainder ? halves[1].dropFirst(5) : halves[1].replacing(" ", with: "+")[...]
        stems = list.split(separator: isRemainder ? "-" : "+", omittingEmptySubsequences: false).map(String.init)
        guard stems.allSatisfy({ PlainName.isValid($0) }), Set(stems).count == stems.count else { return nil }
    }

    /// As ``init(_:)`` reads it.
    public var text: String {
        if isRemainder, stems.count == 1, Self.presets[name] == stems[0] { return name }
        return name + "=" + (isRemainder ? "song-" + stems.joined(separator: "-") : stems.joined(separator: "+"))
    }
}

extension StemMix: Codable {
    /// Reads the text.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let mix = StemMix(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no mix: \(text)"))
        }
        self = mix
    }

    /// Writes ``text``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// The choices about what is written that can contradict each other, whoever makes them.
public struct OutputChoices: Sendable {
    /// One stem and its rest.
    public var twoStems: String?
    /// How the rest is made.
    public var otherMethod: OtherMethod
    /// A choice of stems; nil for all.
    public var stems: [String]?
    /// Sums as files of their own.
    public var mixes: [StemMix]
    /// How they are written.
    public var format: StemFormat
    /// Whether the stems have to add up to the track.
    public var sumExact: Bool

    /// Choices.
    public init(
        twoStems: String?, otherMethod: OtherMethod, stems: [String]?, mixes: [StemMix], format: StemFormat,
        sumExact: Bool
    ) {
        self.twoStems = twoStems
        self.otherMethod = otherMethod
        self.stems = stems
        self.mixes = mixes
        self.format = format
        self.sumExact = sumExact
    }

    /// What cannot be had at the same time, as a sentence; nil where all is well.
    public var contradiction: String? {
        if stems != nil, twoStems != nil {
            return "One stem and its rest, and a choice of stems, contradict each other."
        }
        if stems?.isEmpty == true, mixes.isEmpty {
            return "There is nothing to write: neither a stem nor a mix was chosen."
        }
        if sumExact {
            if stems != nil || (twoStems != nil && otherMethod == .none) {
                return
                    "Stems add up to the track only when all of them are written; leave out the choice or the exact sum."
            }
            if !format.isLossless {
                return "Stems that add up to the track need WAV or FLAC; \(format.rawValue) changes every sample."
            }
        }
        if format == .stemFile {
            if twoStems != nil { return "A stem.mp4 holds four stems; leave out the choice of one and its rest." }
            if !mixes.isEmpty { return "A stem.mp4 holds the track and four stems, and no mixes." }
        }
        return nil
    }
}
