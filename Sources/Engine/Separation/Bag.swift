import Checkpoints
public import Foundation
import HTDemucs
import Synchronization
public import Tensors

/// One or more models that separate together: every source is the weighted mean of what the models say.
public struct Bag: Sendable {
    /// The name by which it was asked for, such as `htdemucs_ft`.
    public let name: String
    /// Names of the sources, in the models' order.
    public let sources: [String]
    /// Frames per second that the models work at.
    public let sampleRate: Int
    /// Audio channels that the models work with.
    public let channels: Int
    /// The threads that work on a segment together, and that encode stems; as many of them as memory allows.
    package let pool: ThreadPool
    /// The models' shapes and weights.
    package let members: [Member]
    /// Loads the members with these indices, unless they are, and makes what runs them: one for each segment that is
    /// worked on at a time.
    package let makeSession: @Sendable (_ members: Set<Int>) throws -> any SegmentSession

    /// One model of the bag, as far as cutting into segments is concerned.
    package struct Member: Sendable {
        /// The segment that it was trained for (or that the bag overrides it with), in frames.
        package var trainingFrames: Int
        /// Whether it always wants its training length (`use_train_segment`); otherwise it takes any length.
        package var usesTrainingSegment: Bool
        /// How much its word counts for each source.
        package var weights: [Double]
        /// Bytes that its parameters take at the least, known before it is loaded.
        package var parameterBytes: Int

        package init(
            trainingFrames: Int, usesTrainingSegment: Bool = true, weights: [Double], parameterBytes: Int = 0
        ) {
            self.trainingFrames = trainingFrames
            self.usesTrainingSegment = usesTrainingSegment
            self.weights = weights
            self.parameterBytes = parameterBytes
        }
    }

    /// A bag from its parts.
    ///
    /// - Throws: ``SeparationError`` when weights and sources do not fit together.
    package init(
        name: String, sources: [String], sampleRate: Int, channels: Int, pool: ThreadPool, members: [Member],
        makeSession: @escaping @Sendable (_ members: Set<Int>) throws -> any SegmentSession
    ) throws {
        guard !members.isEmpty, !sources.isEmpty else {
            throw SeparationError.invalidBag("The bag \(name) holds no model.")
        }
        for (index, member) in members.enumerated() where member.weights.count != sources.count {
            throw SeparationError.invalidBag(
                "Model \(index + 1) of the bag \(name) has \(member.weights.count) weights for \(sources.count) sources."
            )
        }
        for (index, source) in sources.enumerated() where members.reduce(0, { $0 + $1.weights[index] }) == 0 {
            throw SeparationError.invalidBag("The weights of the bag \(name) add up to 0 for \(source).")
        }
        self.name = name
        self.sources = sources
        self.sampleRate = sampleRate
        self.channels = channels
        self.pool = pool
        self.members = members
        self.makeSession = makeSession
    }

    /// The same models, in the same memory, with threads of their own: for a track beside another one.
    package func sharing(threads: Int) throws -> Bag {
        try Bag(
            name: name, sources: sources, sampleRate: sampleRate, channels: channels,
            pool: ThreadPool(threads: threads),
            members: members, makeSession: makeSession)
    }

    /// The longest segment that every model can work with, in seconds.
    public var longestSegment: Double {
        Double(members.map(\.trainingFrames).min() ?? 0) / Double(sampleRate)
    }
}

/// Runs a bag's models on one segment at a time, with its own working memory.
package protocol SegmentSession: AnyObject {
    /// Bytes that a pass of one model over `frames` frames works in, beyond the weights.
    func workBytes(member: Int, frames: Int, threads: Int) throws -> Int

    /// Floating-point operations of a pass of one model over `frames` frames.
    func operations(member: Int, frames: Int) throws -> Double

    /// Has the passes from now on shared by the threads of `pool`.
    func work(with pool: ThreadPool)

    /// The forward pass of one model.
    ///
    /// - Parameters:
    ///   - member: the model's index in the bag.
    ///   - mix: planar `[channels][frames]`.
    ///   - output: planar `[sources][channels][frames]`.
    func forward(
        member: Int, mix: UnsafeBufferPointer<Float>, frames: Int, into output: UnsafeMutableBufferPointer<Float>)
        throws
}

extension Bag {
    /// One checkpoint in a file of its own: `.th` as the reference package saves it, or `.safetensors`.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - threads: how many threads work on a segment together; nil: ``Processors/available(root:)``.
    ///   - kernels: the instruction set to compute with.
    /// - Throws: `CheckpointError` for what is wrong with the file.
    public init(contentsOf url: URL, threads: Int? = nil, kernels: Kernels = .best) throws {
        try self.init(
            name: url.deletingPathExtension().lastPathComponent, checkpoints: [Checkpoint(contentsOf: url)],
            threads: threads ?? Processors.available(), kernels: kernels)
    }

    /// A bag of HTDemucs checkpoints; the models are built when a ``Separator`` first needs them.
    ///
    /// - Parameters:
    ///   - name: what to call it.
    ///   - checkpoints: the models, in the order of the weights.
    ///   - weights: `[model][source]`; nil: all count the same.
    ///   - segment: seconds that take the place of a model's own segment where that is not shorter (`segment` of a bag file).
    ///   - threads: how many threads work on a segment together.
    ///   - kernels: the instruction set to compute with.
    /// - Throws: ``SeparationError/invalidBag(_:)`` when the models differ in sources, rate or channels.
    public init(
        name: String, checkpoints: [Checkpoint], weights: [[Double]]? = nil, segment: Double? = nil, threads: Int,
        kernels: Kernels = .best
    ) throws {
        let checkpoints = checkpoints.map { checkpoint in
            guard let segment, segment <= checkpoint.segment?.number ?? .infinity else { return checkpoint }
            var checkpoint = checkpoint
            checkpoint.arguments["segment"] = .double(segment)
            return checkpoint
        }
        guard let first = checkpoints.first else { throw SeparationError.invalidBag("The bag \(name) holds no model.") }
        guard weights?.count ?? checkpoints.count == checkpoints.count else {
            throw SeparationError.invalidBag(
                "The bag \(name) has \(checkpoints.count) models and weights for \(weights?.count ?? 0).")
        }
        guard (1...1 << 20).contains(first.sampleRate), (1...64).contains(first.channels) else {
            throw SeparationError.invalidBag(
                "The models of the bag \(name) have \(first.channels) channels at \(first.sampleRate) Hz; nothing sounds so."
            )
        }
        let members = try checkpoints.enumerated().map { index, checkpoint in
            guard checkpoint.sources == first.sources, checkpoint.sampleRate == first.sampleRate,
                checkpoint.channels == first.channels
            else {
                throw SeparationError.invalidBag(
                    "The models of the bag \(name) differ in their sources, sample rate or channels.")
            }
            return Member(
                trainingFrames: try checkpoint.segmentFrames(name),
                usesTrainingSegment: checkpoint.arguments["use_train_segment"]?.bool ?? true,
                weights: weights?[index] ?? first.sources.map { _ in 1 },
                parameterBytes: (kernels.precision == .float32 ? 4 : 2) * checkpoint.tensors.elementCount)
        }
        let pool = ThreadPool(threads: threads)
        let shelf = ModelShelf(checkpoints, pool: pool, kernels: kernels)
        try self.init(
            name: name, sources: first.sources, sampleRate: first.sampleRate, channels: first.channels,
            pool: pool, members: members
        ) { try ModelSession(shelf.models($0)) }
    }
}

/// Models that are built from their checkpoints when they are first needed, and then kept.
private final class ModelShelf: Sendable {
    private let checkpoints: [Checkpoint]
    private let pool: ThreadPool
    private let kernels: Kernels
    private let models = Mutex<[Int: Model]>([:])

    init(_ checkpoints: [Checkpoint], pool: ThreadPool, kernels: Kernels) {
        self.checkpoints = checkpoints
        self.pool = pool
        self.kernels = kernels
    }

    func models(_ members: Set<Int>) throws -> [Int: Model] {
        try models.withLock { models in
            for index in members.sorted() where models[index] == nil {
                models[index] = try Model(checkpoints[index], pool: pool, kernels: kernels)
            }
            return models.filter { members.contains($0.key) }
        }
    }
}

/// HTDemucs models that share one workspace.
private final class ModelSession: SegmentSession {
    private let models: [Int: Model]
    private var workspace = Workspace()

    init(_ models: [Int: Model]) { self.models = models }

    func workBytes(member: Int, frames: Int, threads: Int) throws -> Int {
        try model(member).memoryNeeded(frames: frames, threads: threads)
    }

    func operations(member: Int, frames: Int) throws -> Double { try model(member).operations(frames: frames) }

    func work(with pool: ThreadPool) { workspace = Workspace(pool: pool) }

    func forward(
        member: Int, mix: UnsafeBufferPointer<Float>, frames: Int, into output: UnsafeMutableBufferPointer<Float>
    ) throws {
        try model(member).forward(mix: mix, frames: frames, into: output, workspace: workspace)
    }

    private func model(_ member: Int) -> Model {
        guard let model = models[member] else { preconditionFailure("model \(member) was not loaded") }
        return model
    }
}

/// What cutting a track needs to know of a model before it is built, with the reference's defaults.
extension Checkpoint {
    fileprivate var sampleRate: Int { arguments["samplerate"]?.integer ?? 44100 }
    fileprivate var channels: Int { arguments["audio_channels"]?.integer ?? 2 }
    fileprivate var segment: CheckpointValue? { arguments["segment"] ?? .int(10) }

    /// `int(segment * samplerate)`, exact for a fraction.
    fileprivate func segmentFrames(_ bag: String) throws -> Int {
        let frames: Int?
        if case .fraction(let numerator, let denominator)? = segment {
            let product = numerator.multipliedReportingOverflow(by: sampleRate)
            frames = product.overflow || denominator == 0 ? nil : product.partialValue / denominator
        } else {
            frames = segment?.number.flatMap { Int(exactly: ($0 * Double(sampleRate)).rounded(.towardZero)) }
        }
        guard let frames, frames > 0, frames < 1 << 28 else {
            throw SeparationError.invalidBag(
                "A model of the bag \(bag) has a segment (\(segment?.description ?? "None")) that is no length of time."
            )
        }
        return frames
    }
}
