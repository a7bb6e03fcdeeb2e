import Audio
import Foundation
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
    /// Whether stems have the track's own sample rate, its number of frames and at least its bits a sample, instead of the
    /// model's rate.
    public var keepsRate = false
    /// Whether what the model leaves over is distributed, so that the stems add up to the track within one step of their
    /// format. They are then not rescaled: what a stem has no room for goes to the others.
    public var sumsExactly = false
    /// A folder that is there, for what a player wants beside the stems: `original.flac`, the track as it was separated, in the rate
    /// and length of the stems, and the peaks of each file, `original.dat`, `STEM.dat`; nil: none of it.
    public var studio: URL?

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
        let choices = OutputChoices(
            twoStems: twoStems, otherMethod: otherMethod, stems: stems, mixes: mixes, format: format.name,
            sumExact: sumsExactly)
        if let contradiction = choices.contradiction { throw SeparationError.invalidOption(contradiction) }
        for stem in (stems ?? []) + mixes.flatMap(\.stems) where !bag.sources.contains(stem) {
            throw SeparationError.unknownStem(stem, sources: bag.sources)
        }
        let names = StemRecipe.names(bag: bag, options: self)
        let stemCount = stems.map { Set($0).count } ?? bag.sources.count
        guard format.name != .stemFile || stemCount == 4 else {
            throw SeparationError.invalidOption(
                "A stem.mp4 holds four stems, not \(stemCount); choose four of \(bag.sources.joined(separator: ", ")).")
        }
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw SeparationError.invalidOption("Two files would be called “\(twice)”; give the mix another name.")
        }
    }
}
