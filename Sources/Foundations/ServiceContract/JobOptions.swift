import Foundation
import SeparationChoices
import Untrusted

/// How a song is to be separated. Every value has passed the checks of ``init(validating:)`` or is a default.
public struct JobOptions: Codable, Equatable, Sendable {
    /// The model's name; `nil` means the worker's default.
    public var model: String?
    /// Separate into this stem and `no_{stem}` only.
    public var twoStems: String?
    /// How `no_{stem}` is made.
    public var otherMethod: OtherMethod
    /// Only these stems; `nil` for all, none for mixes alone.
    public var stems: [String]?
    /// Sums of stems as files of their own, at most ``mostMixes``.
    public var mixes: [StemMix]
    /// How stems are written.
    public var format: StemFormat
    /// Bit rate of MP3, AAC, Opus and Vorbis in kbit/s, one of ``legalBitrates``.
    public var bitrate: Int
    /// The MP3 encoder's quality, 2 (best) to 7 (fastest).
    public var mp3Preset: Int
    /// How many randomly shifted passes are averaged, 0…10; 0 is one pass without a shift. A job's shifts are the same
    /// each time it is attempted.
    public var shifts: Int
    /// How much segments overlap, 0…0.9 of a segment.
    public var overlap: Double
    /// What to do with samples beyond full scale.
    public var clipMode: ClipMode
    /// Whether stems have the song's own sample rate, length and bits a sample.
    public var keepRate: Bool
    /// Whether what the model leaves over is shared out, so that the stems add up to the song.
    public var sumExact: Bool
    /// Where the end of the job is told; `nil` for nowhere.
    public var callback: String?

    /// How many mixes a job may ask for.
    public static let mostMixes = 16
    /// Names of mixes that stand for something else where stems are fetched.
    static let takenNames: Set<String> = [
        "events", "stems.zip", "retry", "manifest.json", "stems", "master", "peaks", "mix", "original", "share",
        "callbacks",
    ]
    /// The bit rates of MPEG-1 Layer III that are worth listening to, in kbit/s.
    public static let legalBitrates = [64, 80, 96, 112, 128, 160, 192, 224, 256, 320]

    /// The worker's model, all stems, and the defaults of ``SeparationDefaults``.
    public init(
        model: String? = nil, twoStems: String? = nil, otherMethod: OtherMethod = .standard, stems: [String]? = nil,
        mixes: [StemMix] = [], format: StemFormat = .standard, bitrate: Int = SeparationDefaults.mp3Bitrate,
        mp3Preset: Int = SeparationDefaults.mp3Preset, shifts: Int = SeparationDefaults.shifts,
        overlap: Double = SeparationDefaults.overlap, clipMode: ClipMode = .standard, keepRate: Bool = false,
        sumExact: Bool = false, callback: String? = nil
    ) {
        self.callback = callback
        self.model = model
        self.twoStems = twoStems
        self.otherMethod = otherMethod
        self.stems = stems
        self.mixes = mixes
        self.format = format
        self.bitrate = bitrate
        self.mp3Preset = mp3Preset
        self.shifts = shifts
        self.overlap = overlap
        self.clipMode = clipMode
        self.keepRate = keepRate
        self.sumExact = sumExact
    }

    /// Reads what an encoder wrote, perhaps in another version: an option that is not there has its default.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        model = try values.decodeIfPresent(String.self, forKey: .model)
        twoStems = try values.decodeIfPresent(String.self, forKey: .twoStems)
        otherMethod = try values.decodeIfPresent(OtherMethod.self, forKey: .otherMethod) ?? otherMethod
        stems = try values.decodeIfPresent([String].self, forKey: .stems)
        mixes = try values.decodeIfPresent([StemMix].self, forKey: .mixes) ?? mixes
        format = try values.decodeIfPresent(StemFormat.self, forKey: .format) ?? format
        bitrate = try values.decodeIfPresent(Int.self, forKey: .bitrate) ?? bitrate
        mp3Preset = try values.decodeIfPresent(Int.self, forKey: .mp3Preset) ?? mp3Preset
        shifts = try values.decodeIfPresent(Int.self, forKey: .shifts) ?? shifts
        overlap = try values.decodeIfPresent(Double.self, forKey: .overlap) ?? overlap
        clipMode = try values.decodeIfPresent(ClipMode.self, forKey: .clipMode) ?? clipMode
        keepRate = try values.decodeIfPresent(Bool.self, forKey: .keepRate) ?? keepRate
        sumExact = try values.decodeIfPresent(Bool.self, forKey: .sumExact) ?? sumExact
        callback = try values.decodeIfPresent(String.self, forKey: .callback)
    }

    /// Reads options by their names: `model`, `two_stems`, `other_method`, `stems` (names between commas, or `none`), `mixes`
    /// (``StemMix``es between commas), `format`, `bitrate`, `mp3_preset`, `quality` (a ``Quality``, which stands for shifts and
    /// overlap where they are not given), `shifts`, `overlap`, `clip_mode`, `keep_rate`, `sum_exact`, `callback`; a hyphen may
    /// stand for the underscore.
    ///
    /// - Throws: ``InvalidOption`` for a name that is not among them, a value out of bounds, an option given twice
    ///   with different values, and options that contradict each other.
    public init(validating values: [String: String]) throws(InvalidOption) {
        self.init()
        var given: [JobOptionName: String] = [:]
        // The quality first: what is given beside it changes what it stands for.
        func place(_ name: String) -> (Int, String) { (JobOptionName(name) == .quality ? 0 : 1, name) }
        let ordered = values.sorted { place($0.key) < place($1.key) }
        for (name, value) in ordered {
            guard let option = JobOptionName(name) else {
                let known = JobOptionName.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidOption(name: name, value: value, rule: "there is no such option; there are \(known)")
            }
            if let other = given[option], other != value {
                throw InvalidOption(name: name, value: value, rule: "it is also given as “\(other)”; give it once")
            }
            given[option] = value
            try option.read(value, named: name, into: &self)
        }
        let choices = OutputChoices(
            twoStems: twoStems, otherMethod: otherMethod, stems: stems, mixes: mixes, format: format, sumExact: sumExact
        )
        guard let contradiction = choices.contradiction else { return }
        let culprit: JobOptionName = sumExact ? .sumExact : stems != nil ? .stems : .format
        throw InvalidOption(
            name: culprit.rawValue, value: given[culprit] ?? "",
            rule: contradiction.prefix(1).lowercased()
                + contradiction.dropFirst().dropLast())
    }

    /// Whether there is an option of this name, written in any way.
    public static func isOption(_ name: String) -> Bool { JobOptionName(name) != nil }

    /// Reads the options among an object's user metadata and ignores all other metadata, which belongs to the tool that
    /// stored the object.
    ///
    /// - Throws: ``InvalidOption`` for a value out of bounds.
    public init(metadata: [String: String]) throws(InvalidOption) {
        try self.init(validating: metadata.filter { JobOptionName($0.key) != nil })
    }

    /// The options that are not as usual, as text: equal for equal options, also in a later version that knows more.
    public var identity: String {
        unusualMetadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
    }

    /// ``metadata`` without what is as usual.
    public var unusualMetadata: [String: String] {
        let usual = JobOptions().metadata
        return metadata.filter { usual[$0.key] != $0.value }
    }

    /// The options as user metadata of the input object; ``init(metadata:)`` reads it back.
    public var metadata: [String: String] {
        var values = [
            "other-method": otherMethod.rawValue, "format": format.rawValue, "bitrate": String(bitrate),
            "mp3-preset": String(mp3Preset), "shifts": String(shifts), "overlap": String(overlap),
            "clip-mode": clipMode.rawValue,
        ]
        values["model"] = model
        values["two-stems"] = twoStems
        values["stems"] = stems.map { $0.isEmpty ? "none" : $0.joined(separator: ",") }
        if !mixes.isEmpty { values["mixes"] = mixes.map(\.text).joined(separator: ",") }
        if keepRate { values["keep-rate"] = "true" }
        if sumExact { values["sum-exact"] = "true" }
        values["callback"] = callback
        return values
    }
}

/// The names of ``JobOptions`` and the bounds of their values.
enum JobOptionName: String, CaseIterable {
    case model
    case twoStems = "two_stems"
    case otherMethod = "other_method"
    case stems
    case mixes
    case format
    case bitrate
    case mp3Preset = "mp3_preset"
    case quality
    case shifts
    case overlap
    case clipMode = "clip_mode"
    case keepRate = "keep_rate"
    case sumExact = "sum_exact"
    case callback

    /// The option called `name`; hyphens count as underscores and case does not matter, as in HTTP header fields.
    init?(_ name: String) {
        self.init(rawValue: name.lowercased().replacingOccurrences(of: "-", with: "_"))
    }

    /// Checks `value` and writes it into `options`.
    func read(_ value: String, named name: String, into options: inout JobOptions) throws(InvalidOption) {
        func refused(_ rule: String) -> InvalidOption { InvalidOption(name: name, value: value, rule: rule) }
        switch self {
        case .model:
            guard PlainName.isValid(value, upTo: 64) else {
                throw refused("it must be 1 to 64 letters, digits, “-”, “_” and “.”, and not begin with “.” or “-”")
            }
            options.model = value
        case .twoStems:
            guard PlainName.isValid(value, upTo: 32) else {
                throw refused("it must be the name of one of the model's stems, such as vocals")
            }
            options.twoStems = value
        case .otherMethod:
            guard let method = OtherMethod(rawValue: value) else { throw refused(Self.oneOf(OtherMethod.self)) }
            options.otherMethod = method
        case .stems:
            let names = value == "none" ? [] : Self.list(value)
            guard names.allSatisfy({ PlainName.isValid($0, upTo: 32) }), Set(names).count == names.count else {
                throw refused("it must be names of the model's stems between commas, such as vocals,drums, or none")
            }
            options.stems = names
        case .mixes:
            let texts = Self.list(value)
            let mixes = texts.compactMap(StemMix.init)
            guard mixes.count == texts.count, mixes.count <= JobOptions.mostMixes,
                Set(mixes.map(\.name)).count == mixes.count,
                !mixes.contains(where: { JobOptions.takenNames.contains($0.name) })
            else {
                throw refused(
                    "it must be up to \(JobOptions.mostMixes) mixes between commas: karaoke, drumless, bassless, "
                        + "NAME=song-vocals or NAME=drums+bass, each with a name of its own")
            }
            options.mixes = mixes
        case .format:
            guard let format = StemFormat(rawValue: value) else { throw refused(Self.oneOf(StemFormat.self)) }
            options.format = format
        case .bitrate:
            guard let bitrate = Int(value), JobOptions.legalBitrates.contains(bitrate) else {
                let rates = JobOptions.legalBitrates.map(String.init).joined(separator: ", ")
                throw refused("it must be one of \(rates) (kbit/s)")
            }
            options.bitrate = bitrate
        case .mp3Preset:
            guard let preset = Int(value), (2...7).contains(preset) else {
                throw refused("it must be a whole number from 2 (best) to 7 (fastest)")
            }
            options.mp3Preset = preset
        case .quality:
            guard let quality = Quality(rawValue: value) else { throw refused(Self.oneOf(Quality.self)) }
            options.shifts = quality.shifts
            options.overlap = quality.overlap
        case .shifts:
            guard let shifts = Int(value), (0...10).contains(shifts) else {
                throw refused("it must be a whole number from 0 to 10")
            }
            options.shifts = shifts
        case .overlap:
            guard let overlap = Double(value), (0...0.9).contains(overlap) else {
                throw refused("it must be a number from 0 to 0.9")
            }
            options.overlap = overlap
        case .clipMode:
            guard let mode = ClipMode(rawValue: value) else { throw refused(Self.oneOf(ClipMode.self)) }
            options.clipMode = mode
        case .keepRate: options.keepRate = try Self.flag(value) { refused($0) }
        case .sumExact: options.sumExact = try Self.flag(value) { refused($0) }
        case .callback:
            guard CallbackAddress.isValid(value) else {
                throw refused(
                    "it must be an https address of up to \(CallbackAddress.longest) plain characters, without a password"
                )
            }
            options.callback = value
        }
    }

    private static func list(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// A choice that is made or not, as web forms and people write it.
    private static func flag(_ value: String, _ refused: (String) -> InvalidOption) throws(InvalidOption) -> Bool {
        switch value.lowercased() {
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        default: throw refused("it must be true or false")
        }
    }

    private static func oneOf<Choice: RawRepresentable<String> & CaseIterable>(_ kind: Choice.Type) -> String {
        "it must be one of " + kind.allCases.map(\.rawValue).joined(separator: ", ")
    }
}

/// Which addresses can be callbacks at all; whether one of them is reached is known when a message is sent.
private enum CallbackAddress {
    static let longest = 1000

    static func isValid(_ text: String) -> Bool {
        guard text.utf8.count <= longest, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c }),
            let match = text.wholeMatch(of: /(?i:https?):\/\/([^\/?#]+)([\/?][^#]*)?/)
        else { return false }
        return match.1.wholeMatch(of: /([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/) != nil
    }
}

/// An option that was refused; its description is a sentence that names the option, the value and what is allowed.
public struct InvalidOption: Error, Equatable, Sendable, CustomStringConvertible {
    /// The option's name as it was given.
    public let name: String
    /// The value as it was given.
    public let value: String
    /// What is allowed.
    public let rule: String

    /// An option refused because of `rule`.
    public init(name: String, value: String, rule: String) {
        self.name = name
        self.value = value
        self.rule = rule
    }

    /// A sentence for the one who gave the option.
    public var description: String {
        "Option “\(name.visible())” cannot be “\(value.visible())”: \(rule)."
    }
}
