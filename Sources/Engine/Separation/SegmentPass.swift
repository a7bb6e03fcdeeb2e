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
        window = TrackWindow(try AudioReader(track, sampleRate: bag.sampleRate, channels: bag.channels))
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
            try hear(chunk)
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
    private func hear(_ chunk: SegmentPlan.Chunk) throws {
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
