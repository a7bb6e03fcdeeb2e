import Audio
import Foundation

/// Separates tracks with one bag of models, in memory that does not grow with the track.
///
/// The result is that of the reference's `Separator.separate_audio_file` and `apply_model`: the track is normalised as a
/// whole, cut into overlapping segments, each is run through each model (with each shift), and the results are added
/// up under triangular weights. The track is decoded twice, once to measure it and once along with the segments.
public final class Separator {
    /// The models.
    public let bag: Bag
    /// How they are used.
    public let options: SeparationOptions
    private let recipes: [StemRecipe]
    private let session: any SegmentSession

    /// Loads the models that the options need: one whose weight is 0 for every wanted source is left out.
    ///
    /// - Throws: ``SeparationError`` when models and options do not fit together; what is wrong with a checkpoint.
    public init(bag: Bag, options: SeparationOptions = SeparationOptions()) throws {
        try options.validate(for: bag)
        self.bag = bag
        self.options = options
        recipes = StemRecipe.recipes(sources: bag.sources, options: options)
        session = try bag.makeSession(bag.members(for: recipes))
    }

    /// Separates a track into files; one track at a time. Blocks its thread, so never call it on the cooperative pool.
    ///
    /// - Parameters:
    ///   - output: where the stem of this name goes. Folders are made; each file appears only when all are complete.
    ///   - measured: told the track's length in seconds, once it is known.
    ///   - progress: told the finished part, 0…1, after every segment; answers whether to go on.
    /// - Returns: the stems in the reference's order, the duration and what was wrong with the track.
    /// - Throws: `AudioError` for a bad track or a full disk, `CancellationError` when `progress` said no; nothing is left.
    public func separate(
        _ track: URL, to output: (_ stem: String) -> URL, measured: (_ seconds: Double) -> Void = { _ in },
        progress: (Double) -> Bool = { _ in true }
    ) throws -> SeparationReport {
        let clock = ContinuousClock()
        let begin = clock.now
        let survey = try TrackSurvey(track, sampleRate: bag.sampleRate, channels: bag.channels) { progress(0) }
        let duration = Double(survey.frames) / Double(bag.sampleRate)
        measured(duration)
        let pass = try SegmentPass(
            track, survey: survey, bag: bag, options: options, recipes: recipes, session: session)
        let outputs = try StemOutputs(
            recipes, at: output, options: options, bag: bag, survey: survey, planes: pass.planes)
        try pass.run(progress: progress) { try outputs.write($0, $1, upTo: $2) }
        let stems = try outputs.finish { !progress(1) }
        let seconds = (clock.now - begin) / .seconds(1)
        return SeparationReport(
            stems: stems, duration: duration, sampleRate: bag.sampleRate, warnings: pass.warnings,
            separationSeconds: seconds)
    }
}
