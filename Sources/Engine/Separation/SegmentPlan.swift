import Pacing
import Untrusted

/// The order in which the chunks of all lanes are worked off: by their beginning, so that one window over the track suffices.
///
/// Positions are frames of the track; those before 0 and behind its end are silence.
package struct SegmentPlan: Sendable {
    /// One chunk of one lane.
    package struct Chunk: Sendable, Equatable {
        /// Index of the lane in ``SegmentPlan/lanes``.
        package var lane: Int
        /// Index of the chunk in its lane.
        package var index: Int
        /// Position of its first frame; before 0 in the first chunk of a shifted lane.
        package var start: Int
        /// Frames in it; less than the lane's ``LaneShape/chunkFrames`` at the end.
        package var frames: Int
        /// Position of the first frame that the model hears.
        package var inputStart: Int
        /// Frames that the model hears; ``frames`` of them, from `start - inputStart` on, are kept.
        package var inputFrames: Int
        /// Frames that the model is run on: the input and silence behind it.
        package var modelFrames: Int
    }

    /// Frames in the track.
    package let totalFrames: Int
    /// The lanes.
    package let lanes: [LaneShape]
    /// Chunks in all lanes together.
    package let chunkCount: Int
    private var nextIndex: [Int]

    /// A plan for a track of `totalFrames` ≥ 1.
    package init(totalFrames: Int, lanes: [LaneShape]) {
        self.totalFrames = totalFrames
        self.lanes = lanes
        nextIndex = lanes.map { _ in 0 }
        chunkCount = lanes.reduce(0) { $0 + Self.chunkCount(totalFrames, $1) }
    }

    /// Chunks of the lane with this index.
    package func chunkCount(ofLane lane: Int) -> Int { Self.chunkCount(totalFrames, lanes[lane]) }

    /// The beginning of the chunk that comes next; nil behind the last. Everything before it is settled.
    package var nextStart: Int? { nextLane.map { start($0, nextIndex[$0]) } }

    /// The first position that any chunk still to come wants to hear.
    package var firstNeeded: Int? {
        lanes.indices.compactMap { lane -> Int? in
            let last = Self.chunkCount(totalFrames, lanes[lane]) - 1
            guard nextIndex[lane] <= last else { return nil }
            return min(chunk(lane, nextIndex[lane]).inputStart, chunk(lane, last).inputStart)
        }.min()
    }

    /// The next chunk; nil when all are done.
    package mutating func next() -> Chunk? {
        guard let lane = nextLane else { return nil }
        defer { nextIndex[lane] += 1 }
        return chunk(lane, nextIndex[lane])
    }

    private var nextLane: Int? {
        lanes.indices.filter { nextIndex[$0] < Self.chunkCount(totalFrames, lanes[$0]) }
            .min { (start($0, nextIndex[$0]), $0) < (start($1, nextIndex[$1]), $1) }
    }

    private func start(_ lane: Int, _ index: Int) -> Int { index * lanes[lane].stride - lanes[lane].lead }

    /// The reference's `TensorChunk.padded`: a chunk that is too short is put in the middle.
    private func chunk(_ lane: Int, _ index: Int) -> Chunk {
        let shape = lanes[lane]
        let start = start(lane, index)
        let frames = min(shape.chunkFrames, totalFrames - start)
        let padded = max(frames, shape.paddedFrames ?? frames)
        return Chunk(
            lane: lane, index: index, start: start, frames: frames, inputStart: start - (padded - frames) / 2,
            inputFrames: padded, modelFrames: max(padded, shape.modelFrames))
    }

    private static func chunkCount(_ totalFrames: Int, _ shape: LaneShape) -> Int {
        (totalFrames + shape.lead + shape.stride - 1) / shape.stride
    }
}

/// One pass of one model over the whole track: how it is cut into chunks. A bag of `m` models with `s` shifts has `m · s`.
package struct LaneShape: Sendable, Equatable {
    /// The model's index in the bag.
    package var member: Int
    /// Frames of silence before the track's beginning: what the random shift leaves of its largest value.
    package var lead: Int
    /// Frames from one chunk's beginning to its end.
    package var chunkFrames: Int
    /// Frames from one chunk's beginning to the next one's.
    package var stride: Int
    /// Frames that a chunk is padded to with what surrounds it; nil: it is not padded.
    package var paddedFrames: Int?
    /// Frames that the model's input is filled up to with silence on the right.
    package var modelFrames: Int

    package init(member: Int, lead: Int, chunkFrames: Int, stride: Int, paddedFrames: Int?, modelFrames: Int) {
        self.member = member
        self.lead = lead
        self.chunkFrames = chunkFrames
        self.stride = stride
        self.paddedFrames = paddedFrames
        self.modelFrames = modelFrames
    }

    /// The lanes of a separation, in the order in which the reference works them off (`apply_model`).
    ///
    /// The shifts are drawn for every model, so that leaving out models does not change those of the others.
    package static func lanes(bag: Bag, options: SeparationOptions) -> [LaneShape] {
        var random: any RandomNumberGenerator =
            options.seed.map { SeededGenerator(seed: $0) } ?? SystemRandomNumberGenerator()
        let longestShift = Int(0.5 * Double(bag.sampleRate))
        var lanes: [LaneShape] = []
        for (index, member) in bag.members.enumerated() {
            let asked = options.segment.map { max(1, Int(clamping: Double(bag.sampleRate) * $0)) }
            let chunk = asked ?? member.trainingFrames
            let usesTraining = member.usesTrainingSegment
            var shape = LaneShape(
                member: index, lead: 0, chunkFrames: chunk,
                stride: Int(clamping: (1 - options.overlap) * Double(chunk)),
                paddedFrames: asked ?? (usesTraining ? member.trainingFrames : nil),
                modelFrames: usesTraining ? member.trainingFrames : 0)
            if options.shifts == 0 { lanes.append(shape) }
            for _ in 0..<options.shifts {
                shape.lead = longestShift - Int.random(in: 0...longestShift, using: &random)
                lanes.append(shape)
            }
        }
        return lanes
    }
}
