import Audio
import Foundation

/// What has to be known of a whole track before its first segment: its length, and level and offset for the normalisation.
///
/// As the reference's `separate_tensor`: of the mean over the channels, the mean and the unbiased standard deviation.
package struct TrackSurvey: Sendable, Equatable {
    /// Frames at the model's rate.
    package var frames: Int
    /// Mean over all channels and frames.
    package var mean: Float
    /// Unbiased standard deviation of the mean over the channels, plus 1e-8; of a single frame it is taken as 0 + 1e-8.
    package var deviation: Float
    /// What the track is by itself; nil where its rate changes.
    package var original: TrackFormat?

    /// Decodes the track once.
    ///
    /// - Parameters:
    ///   - limits: where to stop, so that nobody's file is decoded for a day to learn that it lasts one.
    ///   - proceed: asked every few blocks; false ends the survey with `CancellationError`.
    /// - Throws: `AudioError`, also when there is not a single sample.
    package init(
        _ track: URL, sampleRate: Int, channels: Int, selection: ChannelSelection = .all, limits: AudioLimits? = nil,
        proceed: () -> Bool = { true }
    ) throws {
        let reader = try AudioReader(
            track, sampleRate: sampleRate, channels: channels, selection: selection, limits: limits)
        let block = UnsafeMutableBufferPointer<Float>.allocate(capacity: 16384 * channels)
        defer { block.deallocate() }
        var count = 0
        var pivot = 0.0  // Any value near the mean keeps the sums small.
        var sum = 0.0
        var squares = 0.0
        while true {
            guard proceed() else { throw CancellationError() }
            let frames = try reader.read(into: block)
            if frames == 0 { break }
            for frame in 0..<frames {
                var value = 0.0
                for channel in 0..<channels { value += Double(block[frame * channels + channel]) }
                value /= Double(channels)
                if count == 0, frame == 0 { pivot = value }
                sum += value - pivot
                squares += (value - pivot) * (value - pivot)
            }
            count += frames
        }
        guard count > 0 else { throw AudioError.noSamples(path: track.path) }
        let variance = count > 1 ? max(0, (squares - sum * sum / Double(count)) / Double(count - 1)) : 0
        original = reader.original
        frames = count
        mean = Float(pivot + sum / Double(count))
        deviation = Float(variance.squareRoot()) + 1e-8
    }
}

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
