import Audio
import Foundation
import Tensors
import Untrusted

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
    private let lanes: [LaneShape]
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
        self.lanes = lanes
        let demand = MemoryDemand(
            bag: bag, members: members, lanes: lanes, sources: Set(recipes.flatMap(\.needed)).count,
            otherFiles: options.studio == nil ? 0 : 1)
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
            track, sampleRate: bag.sampleRate, channels: bag.channels, selection: options.channels,
            limits: limits
        ) { progress(0) }
        var forecast = SeparationForecast(survey, stems: recipes.count, bag: bag, options: options)
        forecast.work = try work(frames: survey.frames)
        try measured(forecast)
        let pass = try SegmentPass(
            track, survey: survey, bag: bag, options: options, recipes: recipes, session: session)
        let outputs = try StemOutputs(
            recipes, of: track, at: output, options: options, bag: bag, survey: survey, planes: pass.planes, pool: pool)
        try pass.run(progress: { progress(outputs.progress(separated: $0)) }) { try outputs.write($0, $1, upTo: $2) }
        let separated = clock.now
        let (stems, original) = try outputs.finish(progress)
        let end = clock.now
        return SeparationReport(
            stems: stems, original: original, duration: forecast.seconds, sampleRate: forecast.sampleRate,
            warnings: pass.warnings + outputs.notes + stems.compactMap(\.levelNote),
            remainder: outputs.remainderDecibels, separationSeconds: (end - begin) / .seconds(1),
            encodingSeconds: (end - separated) / .seconds(1))
    }
}

extension Separator {
    /// What takes as long as so many floating-point operations a second of audio beside the products: Fourier transforms,
    /// filters, norms (2 of 12 GFLOP a second of the small model, of 43 of the full-size one; Benchmarks/README.md).
    package static let besideProducts = 2e9

    /// The work of all passes over a track of so many frames.
    private func work(frames: Int) throws -> Double {
        let plan = SegmentPlan(totalFrames: frames, lanes: lanes)
        var ofPass: [Int: Double] = [:]
        var sum = 0.0
        for (index, lane) in lanes.enumerated() {
            // All lanes of a model have segments of one length.
            let each =
                try ofPass[lane.member] ?? session.operations(member: lane.member, frames: lane.inputFrames)
            ofPass[lane.member] = each
            let beside = Self.besideProducts * Double(lane.inputFrames) / Double(bag.sampleRate)
            sum += Double(plan.chunkCount(ofLane: index)) * (each + beside)
        }
        return sum
    }
}

/// What is known of a separation once its track was measured and before the first segment.
public struct SeparationForecast: Sendable, Equatable {
    /// The track's length in seconds.
    public var seconds: Double
    /// Bytes of all stems together, about and at the most.
    public var stemBytes: Int
    /// Bytes that the stems take on their disk at the peak: with ``ClipMode/rescale`` each is parked there as floats, too.
    public var diskBytes: Int

    /// Floating-point operations of the products of all forward passes, as the definitions of the layers count them, and what
    /// takes as long as so many.
    public var work = 0.0
    /// Frames a second of the stems.
    var sampleRate: Int

    /// About how long the separation will take, in seconds.
    ///
    /// - Parameters:
    ///   - gigaflops: what one core reaches in a product, `KernelChoice.productRates(of:)`
    ///   - threads: how many work on it
    public func expectedSeconds(gigaflops: Double, threads: Int) -> Double {
        work / (gigaflops * 1e9 * Double(max(1, threads)))
    }

    init(_ survey: TrackSurvey, stems: Int, bag: Bag, options: SeparationOptions) {
        let shape = OutputShape(survey, bag: bag, options: options)
        seconds = Double(survey.frames) / Double(bag.sampleRate)
        sampleRate = shape.sampleRate
        func bytes(_ format: AudioFormat) -> Int {
            format.bytes(frames: shape.frames, channels: bag.channels, sampleRate: shape.sampleRate)
        }
        let hasStudio = options.studio != nil
        stemBytes = stems * bytes(shape.format) + (hasStudio ? bytes(.original) : 0)
        let parks = options.clipMode == .rescale && !options.sumsExactly && shape.format.name != .stemFile
        let samples = shape.frames * bag.channels * MemoryLayout<Float>.stride
        // Peaks are a pair of numbers for every so many samples.
        let peaks = hasStudio ? (stems + 1) * samples / (PeaksHeader.finest / 2) : 0
        diskBytes = stemBytes + (parks ? stems * samples : 0) + peaks
    }
}

/// What came out of a separation.
public struct SeparationReport: Sendable, Equatable {
    /// One output file.
    public struct Stem: Sendable, Equatable {
        /// Its name, such as `vocals` or `no_vocals`.
        public var name: String
        /// Where it is.
        public var url: URL
        /// Its largest magnitude before clipping or rescaling; 1 is full scale.
        public var peak: Float
        /// Frames in it.
        public var frames: Int
        /// What it was multiplied with so that it does not clip; 1 where it kept its level.
        public var gain: Float = 1
        /// Where its peaks are, if they were asked for.
        public var peaks: URL?

        /// The gain as a sentence, where there is one: the stems then no longer add up to the track.
        var levelNote: String? {
            guard gain < 0.99 else { return nil }
            let decibels = (-200 * log10(Double(gain))).rounded() / 10
            return "\(name) was made \(decibels) dB quieter so that it does not clip."
        }
    }

    /// The files, in the order in which the reference writes them.
    public var stems: [Stem]
    /// The track itself, if it was asked for.
    public var original: Stem?
    /// The track's length in seconds.
    public var duration: Double
    /// Frames per second in the stems.
    public var sampleRate: Int
    /// What was wrong with the track and survived, as sentences.
    public var warnings: [String]
    /// What of the track the sources of the model do not add up to, in dB of the track's power; nil where not all sources
    /// were separated, or where it was distributed (``SeparationOptions/sumsExactly``).
    public var remainder: Double?
    /// Seconds that decoding, separating and encoding took.
    public var separationSeconds: Double
    /// Those of them after the last segment, in which the encoders came to their end.
    public var encodingSeconds: Double
}

/// Why a separation cannot begin; the description is a sentence for the person who asked for it.
public enum SeparationError: Error, Equatable, CustomStringConvertible {
    /// An option is out of its range; the sentence names it, its value and the range.
    case invalidOption(String)
    /// `--two-stems` names a source that the model does not have.
    case unknownStem(String, sources: [String])
    /// A segment longer than the models were trained for.
    case segmentTooLong(Double, longest: Double)
    /// Models and weights that do not fit together.
    case invalidBag(String)
    /// The memory limit is too small; the sentence says what is needed.
    case tooLittleMemory(String)

    /// A full sentence.
    public var description: String {
        switch self {
        case .invalidOption(let sentence), .invalidBag(let sentence), .tooLittleMemory(let sentence): sentence
        case .unknownStem(let stem, let sources):
            "The stem \"\(stem)\" is not in the selected model; it is one of \(sources.joined(separator: ", "))."
        case .segmentTooLong(let segment, let longest):
            "A segment of \(seconds(segment)) is longer than this model was trained for; the longest is \(seconds(longest))."
        }
    }

    private func seconds(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(clamping: value)) s" : "\(value) s"
    }
}
