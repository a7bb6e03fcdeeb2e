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
