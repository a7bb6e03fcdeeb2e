import Audio
import Foundation

/// The second pass over a track: chunk after chunk through the models and into the accumulator.
package final class SegmentPass {
    /// For each needed source, its place in the accumulator.
    package let planes: [Int: Int]
    /// The part of the track that is held.
    package let window: TrackWindow
    /// The overlap-add.
    package let accumulator: Accumulator

    private let bag: Bag
    private let survey: TrackSurvey
    private let weights: [OverlapWeights]
    private let factors: [[Float]]
    private var plan: SegmentPlan
    private let session: any SegmentSession
    private var mix: [Float] = []
    private var estimate: [Float] = []

    /// Prepares the lanes of every model that the recipes need.
    package init(
        _ track: URL, survey: TrackSurvey, bag: Bag, options: SeparationOptions, recipes: [StemRecipe],
        session: any SegmentSession
    ) throws {
        self.bag = bag
        self.survey = survey
        self.session = session
        let needed = Set(recipes.flatMap(\.needed)).sorted()
        planes = Dictionary(uniqueKeysWithValues: needed.enumerated().map { ($1, $0) })
        let members = bag.members(for: recipes)
        let lanes = LaneShape.lanes(bag: bag, options: options).filter { members.contains($0.member) }
        plan = SegmentPlan(totalFrames: survey.frames, lanes: lanes)
        factors = lanes.map { lane in
            bag.sources.indices.map { source in
                let total = bag.members.reduce(0) { $0 + $1.weights[source] }
                return Float(bag.members[lane.member].weights[source] / (total * Double(max(1, options.shifts))))
            }
        }
        var known: [[Int]: OverlapWeights] = [:]
        weights = lanes.map { lane in
            let key = [lane.chunkFrames, lane.stride]
            let weights = known[key] ?? OverlapWeights(chunkFrames: lane.chunkFrames, stride: lane.stride)
            known[key] = weights
            return weights
        }
        let longest = lanes.map(\.chunkFrames).max() ?? 0
        accumulator = Accumulator(planes: needed.count * bag.channels, capacity: min(longest, survey.frames))
        window = TrackWindow(
            try AudioReader(
                track, sampleRate: bag.sampleRate, channels: bag.channels, selection: options.channels))
    }

    /// What was wrong with the track and survived.
    package var warnings: [String] { window.warnings }

    /// Works off all chunks.
    ///
    /// - Parameters:
    ///   - progress: told the finished part after every chunk; false ends the pass with `CancellationError`.
    ///   - emit: takes what is settled: the accumulator's frames from its beginning up to a position.
    package func run(progress: (Double) -> Bool, emit: (Accumulator, TrackWindow, Int) throws -> Void) throws {
        var finished = 0
        while let chunk = plan.next() {
            try takeInput(chunk)
            try add(chunk)
            finished += 1
            let settled = min(max(0, plan.nextStart ?? survey.frames), survey.frames)
            try emit(accumulator, window, settled)
            accumulator.advance(to: settled)
            window.drop(before: min(settled, plan.firstNeeded ?? settled))
            guard progress(Double(finished) / Double(plan.chunkCount)) else { throw CancellationError() }
        }
        try window.finish()
    }

    /// The chunk's input, normalised, planar, with silence behind it.
    private func takeInput(_ chunk: SegmentPlan.Chunk) throws {
        try window.fill(to: min(survey.frames, chunk.inputStart + chunk.inputFrames))
        let size = bag.channels * chunk.modelFrames
        if mix.count < size { mix = [Float](repeating: 0, count: size) }
        let (mean, deviation) = (survey.mean, survey.deviation)
        mix.withUnsafeMutableBufferPointer { mix in
            for channel in 0..<bag.channels {
                let output = mix.baseAddress! + channel * chunk.modelFrames
                window.copy(channel: channel, from: chunk.inputStart, count: chunk.inputFrames, to: output) {
                    ($0 - mean) / deviation
                }
                (output + chunk.inputFrames).update(repeating: 0, count: chunk.modelFrames - chunk.inputFrames)
            }
        }
    }

    /// Runs the model and adds the middle of what it says.
    private func add(_ chunk: SegmentPlan.Chunk) throws {
        let lane = plan.lanes[chunk.lane]
        let size = bag.sources.count * bag.channels * chunk.modelFrames
        if estimate.count < size { estimate = [Float](repeating: 0, count: size) }
        try mix.withUnsafeBufferPointer { mix in
            try estimate.withUnsafeMutableBufferPointer { estimate in
                try session.forward(
                    member: lane.member, mix: UnsafeBufferPointer(rebasing: mix[..<(bag.channels * chunk.modelFrames)]),
                    frames: chunk.modelFrames, into: UnsafeMutableBufferPointer(rebasing: estimate[..<size]))
            }
        }
        let weights = weights[chunk.lane].weights(ofChunk: chunk.index)[..<chunk.frames]
        estimate.withUnsafeBufferPointer { estimate in
            for (source, plane) in planes where factors[chunk.lane][source] != 0 {
                for channel in 0..<bag.channels {
                    let row = (source * bag.channels + channel) * chunk.modelFrames
                    accumulator.add(
                        plane: plane * bag.channels + channel, at: chunk.start,
                        estimate.baseAddress! + row + (chunk.start - chunk.inputStart), weights: weights,
                        factor: factors[chunk.lane][source])
                }
            }
        }
    }
}

/// The overlap-add of all lanes: the wanted sources over a window of the track, planar `[sources][channels][frames]`.
package final class Accumulator {
    /// Frames that the window holds.
    package let capacity: Int
    /// The window's first position.
    package private(set) var start = 0

    private let planes: Int
    private let memory: UnsafeMutableBufferPointer<Float>

    /// A window of `capacity` frames at the track's beginning, all 0.
    package init(planes: Int, capacity: Int) {
        self.planes = planes
        self.capacity = capacity
        memory = .allocate(capacity: planes * capacity)
        memory.initialize(repeating: 0)
    }

    deinit { memory.deallocate() }

    /// Adds `factor · weights · samples` to a plane; frames before the track's beginning are left out.
    ///
    /// - Parameters:
    ///   - samples: one for each weight, beginning at `position`.
    func add(plane: Int, at position: Int, _ samples: UnsafePointer<Float>, weights: ArraySlice<Float>, factor: Float) {
        let skipped = max(0, start - position)
        guard skipped < weights.count else { return }
        precondition(position + weights.count <= start + capacity, "a chunk reaches beyond the accumulator")
        let count = weights.count - skipped
        let target = memory.baseAddress! + plane * capacity + (position + skipped - start)
        weights.withUnsafeBufferPointer { weights in
            for index in 0..<count { target[index] += factor * weights[skipped + index] * samples[skipped + index] }
        }
    }

    /// A plane's frames from the window's beginning on.
    package func plane(_ plane: Int) -> UnsafePointer<Float> {
        UnsafePointer(memory.baseAddress! + plane * capacity)
    }

    /// Moves the window on to `position`.
    package func advance(to position: Int) {
        let count = position - start
        guard count > 0 else { return }
        let kept = max(0, capacity - count)
        for plane in 0..<planes {
            let base = memory.baseAddress! + plane * capacity
            if kept > 0 { base.update(from: base + count, count: kept) }
            (base + kept).update(repeating: 0, count: capacity - kept)
        }
        start = position
    }
}

/// How much each frame of a chunk counts: a triangle, divided by the sum of all triangles of its lane that cover the frame.
///
/// The reference adds weighted chunks and divides at the end; dividing the weights beforehand gives the same sum without
/// keeping one, so that all lanes share a single accumulator.
final class OverlapWeights {
    private let triangle: [Float]
    private let stride: Int
    private let steady: [Float]
    private var early: (index: Int, weights: [Float])?

    /// Weights for chunks of `chunkFrames` that begin every `stride` frames.
    init(chunkFrames: Int, stride: Int) {
        let half = chunkFrames / 2
        let peak = Float(chunkFrames - half)
        triangle = (0..<chunkFrames).map { Float($0 < half ? $0 + 1 : chunkFrames - $0) / peak }
        self.stride = stride
        steady = Self.normalised(triangle, stride: stride, before: chunkFrames)
    }

    /// The weights of the chunk with this index in its lane: the first ones have fewer chunks before them.
    func weights(ofChunk index: Int) -> [Float] {
        if index * stride >= triangle.count { return steady }
        if let early, early.index == index { return early.weights }
        let weights = Self.normalised(triangle, stride: stride, before: index)
        early = (index, weights)
        return weights
    }

    /// - Parameter before: how many chunks begin before this one, at most.
    private static func normalised(_ triangle: [Float], stride: Int, before: Int) -> [Float] {
        triangle.indices.map { frame in
            var sum = 0.0
            var position = frame % stride
            let last = frame + before * stride  // This frame's place in the lane's first chunk.
            while position < triangle.count, position <= last {
                sum += Double(triangle[position])
                position += stride
            }
            return Float(Double(triangle[frame]) / sum)
        }
    }
}
