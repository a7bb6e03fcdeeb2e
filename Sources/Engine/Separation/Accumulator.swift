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
