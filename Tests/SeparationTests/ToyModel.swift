import Foundation
import Separation
import Synchronization
import Tensors

/// A model whose output depends on everything that cutting a track into segments can get wrong: the neighbouring frame,
/// the other channel, the place in the segment, the segment's length, and its mean.
final class ToySession: SegmentSession {
    let sources: Int
    let channels: Int
    let calls: Calls?

    /// Which members were run, on how many frames, and which were loaded for each separation.
    final class Calls: Sendable {
        let loaded = Mutex<[Set<Int>]>([])
        let list = Mutex<[(member: Int, frames: Int)]>([])
    }

    init(sources: Int, channels: Int, calls: Calls? = nil) {
        self.sources = sources
        self.channels = channels
        self.calls = calls
    }

    func workBytes(member: Int, frames: Int, threads: Int) throws -> Int { 1_000_000 * threads }
    func operations(member: Int, frames: Int) throws -> Double { Double(1000 * (member + 1) + frames) }
    func work(with pool: ThreadPool) {}

    func forward(
        member: Int, mix: UnsafeBufferPointer<Float>, frames: Int, into output: UnsafeMutableBufferPointer<Float>
    ) throws {
        calls?.list.withLock { $0.append((member, frames)) }
        let rows = (0..<channels).map { Array(mix[($0 * frames)..<(($0 + 1) * frames)]) }
        for (index, row) in Self.apply(member: member, sources: sources, mix: rows).enumerated() {
            for frame in 0..<frames { output[index * frames + frame] = row[frame] }
        }
    }

    /// `[channels][frames]` to `[sources · channels][frames]`.
    static func apply(member: Int, sources: Int, mix: [[Float]]) -> [[Float]] {
        let frames = mix[0].count
        var output: [[Float]] = []
        for source in 0..<sources {
            for channel in mix.indices {
                let row = mix[channel]
                let other = mix[mix.count - 1 - channel]
                let mean = row.reduce(0, +) / Float(frames)
                output.append(
                    row.indices.map { frame in
                        let before = frame > 0 ? other[frame - 1] : 0
                        let place = Float(sin(0.37 * Double(frame) + Double(source)))
                        return row[frame] * Float(source + 1) / 4 + before * Float(member + 1) / 5 + place / 10 + mean
                            + Float(frames % 97) / 1000
                    })
            }
        }
        return output
    }
}

extension Bag {
    /// A bag of toy models, one for each training length.
    static func toy(
        sources: [String] = ["drums", "bass", "other", "vocals"], sampleRate: Int = 1000, channels: Int = 2,
        training: [Int] = [400], weights: [[Double]]? = nil, usesTrainingSegment: Bool = true,
        calls: ToySession.Calls? = nil
    ) throws -> Bag {
        let members = training.enumerated().map { index, frames in
            Member(
                trainingFrames: frames, usesTrainingSegment: usesTrainingSegment,
                weights: weights?[index] ?? sources.map { _ in 1 })
        }
        let count = sources.count
        return try Bag(
            name: "toy", sources: sources, sampleRate: sampleRate, channels: channels, pool: ThreadPool(threads: 3),
            members: members
        ) { wanted in
            calls?.loaded.withLock { $0.append(wanted) }
            return ToySession(sources: count, channels: channels, calls: calls)
        }
    }
}

/// The reference's procedure as it is written there: whole tensors, one lane after the other, everything in memory.
///
/// - Parameter track: `[channels][frames]`.
/// - Returns: `[sources · channels][frames]`.
func separateNaively(_ track: [[Float]], bag: Bag, lanes: [LaneShape], shifts: Int) -> [[Double]] {
    let frames = track[0].count
    let channels = track.count
    let mono = (0..<frames).map { frame in track.reduce(0) { $0 + Double($1[frame]) } / Double(channels) }
    let mean = mono.reduce(0, +) / Double(frames)
    let squares = mono.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = (frames > 1 ? (squares / Double(frames - 1)).squareRoot() : 0) + 1e-8
    let planes = bag.sources.count * channels
    var result = [[Double]](repeating: [Double](repeating: 0, count: frames), count: planes)
    for lane in lanes {
        let silence = [Double](repeating: 0, count: lane.lead)
        let shifted = track.map { silence + $0.map { (Double($0) - mean) / deviation } }
        let length = frames + lane.lead
        var sum = [[Double]](repeating: [Double](repeating: 0, count: length), count: planes)
        var weightSum = [Double](repeating: 0, count: length)
        for offset in stride(from: 0, to: length, by: lane.stride) {
            let count = min(lane.chunkFrames, length - offset)
            let padded = max(count, lane.paddedFrames ?? count)
            let left = (padded - count) / 2
            let input = shifted.map { row in
                (0..<max(padded, lane.modelFrames)).map { index -> Float in
                    let position = offset - left + index
                    return index < padded && row.indices.contains(position) ? Float(row[position]) : 0
                }
            }
            let output = ToySession.apply(member: lane.member, sources: bag.sources.count, mix: input)
            for index in 0..<count {
                let half = lane.chunkFrames / 2
                let weight = Double(index < half ? index + 1 : lane.chunkFrames - index)
                weightSum[offset + index] += weight
                for plane in 0..<planes { sum[plane][offset + index] += weight * Double(output[plane][left + index]) }
            }
        }
        for plane in 0..<planes {
            let source = plane / channels
            let total = bag.members.reduce(0) { $0 + $1.weights[source] } * Double(max(1, shifts))
            for frame in 0..<frames {
                let place = lane.lead + frame
                result[plane][frame] +=
                    sum[plane][place] / weightSum[place] * bag.members[lane.member].weights[source] / total
            }
        }
    }
    return result.map { $0.map { $0 * deviation + mean } }
}
