import Audio
public import Tensors
import SeparationChoices
import Untrusted

/// How a track is separated and written; the defaults are those of ``SeparationDefaults``.
public struct SeparationOptions: Sendable, Equatable {
    /// Predictions, each with the track shifted by a random time up to half a second, that are averaged; 0: one, unshifted.
    public var shifts = SeparationDefaults.shifts
    /// Part of a segment that it shares with the next, 0 ≤ overlap < 1.
    public var overlap = SeparationDefaults.overlap
    /// Seconds in a segment; nil: what the model was trained for.
    public var segment: Double?
    /// Where the random shifts come from; nil: different ones every time.
    public var seed: UInt64?
    /// Writes only this stem, and what remains as ``otherMethod`` says.
    public var twoStems: String?
    /// How what remains is made.
    public var otherMethod = OtherMethod.standard
    /// Writes only these stems, whatever their order; nil: all of the model's.
    public var stems: [String]?
    /// Files that are made of several stems, beside the stems.
    public var mixes: [StemMix] = []
    /// Which of the track's channels are separated.
    public var channels = ChannelSelection.all
    /// What happens to samples beyond full scale.
    public var clipMode = ClipMode.standard
    /// The output format.
    public var format = AudioFormat(.standard)

    /// The defaults.
    public init() {}

    /// Refuses what the bag cannot do.
    ///
    /// - Throws: ``SeparationError`` or `AudioError`, a sentence each.
    public func validate(for bag: Bag) throws {
        try format.validate()
        guard shifts >= 0, shifts <= 1000 else {
            throw SeparationError.invalidOption("The number of shifts is between 0 and 1000; \(shifts) is not.")
        }
        guard overlap >= 0, overlap < 1 else {
            throw SeparationError.invalidOption("The overlap is at least 0 and less than 1; \(overlap) is not.")
        }
        if let segment {
            guard segment > 0, segment.isFinite, segment < 1e6 else {
                throw SeparationError.invalidOption("A segment is longer than 0 seconds; \(segment) is not.")
            }
            guard segment <= bag.longestSegment else {
                throw SeparationError.segmentTooLong(segment, longest: bag.longestSegment)
            }
        }
        for lane in LaneShape.lanes(bag: bag, options: self) where lane.stride < 1 {
            throw SeparationError.invalidOption(
                "An overlap of \(overlap) leaves less than one sample from one segment to the next; choose a smaller one."
            )
        }
        if let twoStems, !bag.sources.contains(twoStems) {
            throw SeparationError.unknownStem(twoStems, sources: bag.sources)
        }
        if stems != nil, twoStems != nil {
            throw SeparationError.invalidOption("One stem and its rest, and a choice of stems, contradict each other.")
        }
        for stem in (stems ?? []) + mixes.flatMap(\.stems) where !bag.sources.contains(stem) {
            throw SeparationError.unknownStem(stem, sources: bag.sources)
        }
        let names = StemRecipe.names(bag: bag, options: self)
        guard !names.isEmpty else {
            throw SeparationError.invalidOption("There is nothing to write: neither a stem nor a mix was chosen.")
        }
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw SeparationError.invalidOption("Two files would be called “\(twice)”; give the mix another name.")
        }
    }
}

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
    /// `NAME=song-vocals-drums`; nil for anything else.
    public init?(_ text: String) {
        if let stem = Self.presets[text] {
            (name, isRemainder, stems) = (text, true, [stem])
            return
        }
        let halves = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, PlainName.isValid(halves[0]) else { return nil }
        name = halves[0]
        isRemainder = halves[1].hasPrefix("song-")
        let list = isRemainder ? halves[1].dropFirst(5) : halves[1][...]
        stems = list.split(separator: isRemainder ? "-" : "+", omittingEmptySubsequences: false).map(String.init)
        guard stems.allSatisfy({ PlainName.isValid($0) }), Set(stems).count == stems.count else { return nil }
    }
}

extension Precision {
    /// What `MSAAS_PRECISION` asks for: `float32`, also when it is not set, or `bf16`.
    ///
    /// - Throws: ``SeparationError/invalidOption(_:)`` when the variable holds anything else
    public static func inForce(environment: [String: String]) throws -> Precision {
        guard let text = environment["MSAAS_PRECISION"], !text.isEmpty else { return .float32 }
        guard let precision = Precision(rawValue: text) else {
            throw SeparationError.invalidOption(
                "MSAAS_PRECISION is “\(text)”; it is one of \(allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return precision
    }
}

extension KernelChoice {
    /// The kernels for a precision: those that `MSAAS_KERNELS` names, whatever they compute in, else the fastest.
    ///
    /// - Throws: ``SeparationError/invalidOption(_:)`` when the variable names none that this processor runs
    public static func inForce(_ precision: Precision, environment: [String: String]) throws -> KernelChoice {
        guard let name = environment["MSAAS_KERNELS"], !name.isEmpty else { return measured(for: precision) }
        guard let kernels = Kernels(named: name) else {
            let present = Kernels.names.filter { Kernels(named: $0) != nil }
            throw SeparationError.invalidOption(
                "MSAAS_KERNELS is “\(name)”; on this processor it is one of \(present.joined(separator: ", ")).")
        }
        return KernelChoice(kernels)
    }
}
