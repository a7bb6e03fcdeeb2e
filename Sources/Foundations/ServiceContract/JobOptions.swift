/// How a song is to be separated. Every value has passed the checks of ``init(validating:)`` or is a default.
public struct JobOptions: Codable, Equatable, Sendable {
    /// The model's name; `nil` means the worker's default.
    public var model: String?
    /// Separate into this stem and `no_{stem}` only.
    public var twoStems: String?
    /// How `no_{stem}` is made.
    public var otherMethod: OtherMethod
    /// How stems are written.
    public var format: StemFormat
    /// MP3 bit rate in kbit/s, one of ``legalBitrates``.
    public var bitrate: Int
    /// How many randomly shifted passes are averaged, 0…10; 0 is one pass without a shift, which gives the same bytes
    /// every time.
    public var shifts: Int
    /// How much segments overlap, 0…0.9 of a segment.
    public var overlap: Double
    /// What to do with samples beyond full scale.
    public var clipMode: ClipMode

    /// The bit rates of MPEG-1 Layer III that are worth listening to, in kbit/s.
    public static let legalBitrates = [64, 80, 96, 112, 128, 160, 192, 224, 256, 320]

    /// The defaults: the worker's model, all stems, 16-bit WAV, no shifts, overlap 0.25, rescaling.
    public init(
        model: String? = nil, twoStems: String? = nil, otherMethod: OtherMethod = .add, format: StemFormat = .wav,
        bitrate: Int = 320, shifts: Int = 0, overlap: Double = 0.25, clipMode: ClipMode = .rescale
    ) {
        self.model = model
        self.twoStems = twoStems
        self.otherMethod = otherMethod
        self.format = format
        self.bitrate = bitrate
        self.shifts = shifts
        self.overlap = overlap
        self.clipMode = clipMode
    }

    /// Reads what an encoder wrote, perhaps in another version: an option that is not there has its default.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        model = try values.decodeIfPresent(String.self, forKey: .model)
        twoStems = try values.decodeIfPresent(String.self, forKey: .twoStems)
        otherMethod = try values.decodeIfPresent(OtherMethod.self, forKey: .otherMethod) ?? otherMethod
        format = try values.decodeIfPresent(StemFormat.self, forKey: .format) ?? format
        bitrate = try values.decodeIfPresent(Int.self, forKey: .bitrate) ?? bitrate
        shifts = try values.decodeIfPresent(Int.self, forKey: .shifts) ?? shifts
        overlap = try values.decodeIfPresent(Double.self, forKey: .overlap) ?? overlap
        clipMode = try values.decodeIfPresent(ClipMode.self, forKey: .clipMode) ?? clipMode
    }

    /// Reads options by their names: `model`, `two_stems`, `other_method`, `format`, `bitrate`, `shifts`, `overlap`,
    /// `clip_mode`; a hyphen may stand for the underscore.
    ///
    /// - Throws: ``InvalidOption`` for a name that is not among them, a value out of bounds, and an option given twice
    ///   with different values.
    public init(validating values: [String: String]) throws(InvalidOption) {
        self.init()
        var given: [JobOptionName: String] = [:]
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
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
        let usual = JobOptions().metadata
        return metadata.filter { usual[$0.key] != $0.value }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: "&")
    }

    /// The options as user metadata of the input object; ``init(metadata:)`` reads it back.
    public var metadata: [String: String] {
        var values = [
            "other-method": otherMethod.rawValue, "format": format.rawValue, "bitrate": String(bitrate),
            "shifts": String(shifts), "overlap": String(overlap), "clip-mode": clipMode.rawValue,
        ]
        values["model"] = model
        values["two-stems"] = twoStems
        return values
    }
}
