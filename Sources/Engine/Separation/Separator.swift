import Audio
import Foundation
import Tensors

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
    /// How many threads it runs on, and what it takes of memory.
    public let memory: MemoryPlan
    private let recipes: [StemRecipe]
    private let session: any SegmentSession
    private let pool: ThreadPool

    /// Loads the models that the options need: one whose weight is 0 for every wanted source is left out.
    ///
    /// - Parameter memoryLimit: what the whole process may take; fewer threads than the bag's are used where that helps.
    /// - Throws: ``SeparationError`` when models and options do not fit together, or not into the memory limit; what is
    ///   wrong with a checkpoint.
    public init(
        bag: Bag, options: SeparationOptions = SeparationOptions(), memoryLimit: MemoryLimit? = nil
    ) throws {
        try options.validate(for: bag)
        self.bag = bag
        self.options = options
        recipes = StemRecipe.recipes(bag: bag, options: options)
        let members = bag.members(for: recipes)
        let lanes = LaneShape.lanes(bag: bag, options: options).filter { members.contains($0.member) }
        let demand = MemoryDemand(
            bag: bag, members: members, lanes: lanes, sources: Set(recipes.flatMap(\.needed)).count)
        try MemoryPlan.check(demand, limit: memoryLimit)
        let session = try bag.makeSession(members)
        self.session = session
        memory = try MemoryPlan.choose(
            demand, weights: FloatMemory.bytesInUse, threads: bag.pool.threads, limit: memoryLimit
        ) { threads in
            try lanes.map { try session.workBytes(member: $0.member, frames: $0.inputFrames, threads: threads) }.max()
                ?? 0
        }
        pool = memory.threads == bag.pool.threads ? bag.pool : ThreadPool(threads: memory.threads)
        session.work(with: pool)
    }

    /// How many of the bag's models run: those that the wanted stems need.
    public var modelCount: Int { bag.members(for: recipes).count }

    /// Separates a track into files; one track at a time. Blocks its thread, so never call it on the cooperative pool.
    ///
    /// - Parameters:
    ///   - output: where the stem of this name goes. Folders are made; each file appears only when all are complete.
    ///   - limits: what the track may be; nil for one's own.
    ///   - measured: told what the separation will take, once the track's length is known; what it throws ends it.
    ///   - progress: told the finished part, 0…1, after every segment; answers whether to go on.
    /// - Returns: the stems in the reference's order, the duration and what was wrong with the track.
    /// - Throws: `AudioError` for a bad track or a full disk, `CancellationError` when `progress` said no; nothing is left.
    public func separate(
        _ track: URL, to output: (_ stem: String) -> URL, limits: AudioLimits? = nil,
        measured: (SeparationForecast) throws -> Void = { _ in }, progress: (Double) -> Bool = { _ in true }
    ) throws -> SeparationReport {
        let clock = ContinuousClock()
        let begin = clock.now
        let survey = try TrackSurvey(
            track, sampleRate: bag.sampleRate, channels: bag.channels, limits: limits
        ) { progress(0) }
        let forecast = SeparationForecast(frames: survey.frames, stems: recipes.count, bag: bag, options: options)
        try measured(forecast)
        let pass = try SegmentPass(
            track, survey: survey, bag: bag, options: options, recipes: recipes, session: session)
        let outputs = try StemOutputs(
            recipes, at: output, options: options, bag: bag, survey: survey, planes: pass.planes, pool: pool)
        try pass.run(progress: progress) { try outputs.write($0, $1, upTo: $2) }
        let stems = try outputs.finish { !progress(1) }
        let seconds = (clock.now - begin) / .seconds(1)
        return SeparationReport(
            stems: stems, duration: forecast.seconds, sampleRate: bag.sampleRate, warnings: pass.warnings,
            separationSeconds: seconds)
    }
}
