import Tensors

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

    /// The longest segment that every model can work with, in seconds.
    public var longestSegment: Double {
        Double(members.map(\.trainingFrames).min() ?? 0) / Double(sampleRate)
    }
}

/// Runs a bag's models on one segment at a time, with its own working memory.
package protocol SegmentSession: AnyObject {
    /// Bytes that a pass of one model over `frames` frames works in, beyond the weights.
    func workBytes(member: Int, frames: Int, threads: Int) throws -> Int

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
