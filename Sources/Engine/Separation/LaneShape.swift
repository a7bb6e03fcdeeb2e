import Untrusted

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
            options.seed.map { SplitMix64(state: $0) } ?? SystemRandomNumberGenerator()
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

/// A small, fast generator with 64 bits of state (Steele, Lea and Flood, 2014), so that a seed gives the same shifts everywhere.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    package var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
