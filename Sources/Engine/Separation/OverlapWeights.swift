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
