import Audio

/// The part of the track that is needed at the moment, decoded ahead of the chunks and forgotten behind them.
package final class TrackWindow {
    /// Frames held at the most, over this window's whole life.
    package private(set) var largestSize = 0

    private let reader: AudioReader
    private let channels: Int
    private let piece: UnsafeMutableBufferPointer<Float>
    private var samples: [[Float]]
    private var start = 0
    private var end = 0
    private var isAtEnd = false

    private static let pieceFrames = 4096

    /// A window at the beginning of what `reader` reads.
    package init(_ reader: AudioReader) {
        self.reader = reader
        channels = reader.channels
        piece = .allocate(capacity: Self.pieceFrames * channels)
        samples = Array(repeating: [], count: channels)
    }

    deinit { piece.deallocate() }

    /// Decodes up to `position` (or the track's end).
    package func fill(to position: Int) throws {
        while end < position, !isAtEnd {
            let frames = try reader.read(into: piece)
            isAtEnd = frames == 0
            for channel in 0..<channels {
                samples[channel].reserveCapacity(position - start + Self.pieceFrames)
                for frame in 0..<frames { samples[channel].append(piece[frame * channels + channel]) }
            }
            end += frames
        }
        largestSize = max(largestSize, end - start)
    }

    /// Reads whatever is left, which completes ``warnings``.
    package func finish() throws {
        while try reader.read(into: piece) > 0 {}
    }

    /// Forgets everything before `position`.
    package func drop(before position: Int) {
        let count = min(position, end) - start
        guard count > 0 else { return }
        for channel in 0..<channels { samples[channel].removeFirst(count) }
        start += count
    }

    /// Copies `count` frames of a channel from `position` on, each changed by `change`; outside of the track there is 0.
    ///
    /// The frames must have been filled and not dropped.
    package func copy(
        channel: Int, from position: Int, count: Int, to output: UnsafeMutablePointer<Float>, _ change: (Float) -> Float
    ) {
        let first = min(max(start - position, 0), count)
        let last = max(first, min(count, end - position))
        output.update(repeating: 0, count: first)
        samples[channel].withUnsafeBufferPointer { samples in
            for index in first..<last { output[index] = change(samples[position - start + index]) }
        }
        (output + last).update(repeating: 0, count: count - last)
    }

    /// What was wrong with the track; complete once it was read to its end.
    package var warnings: [String] { reader.warnings }
}
