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

    /// Decodes the track once.
    ///
    /// - Parameters:
    ///   - limits: where to stop, so that nobody's file is decoded for a day to learn that it lasts one.
    ///   - proceed: asked every few blocks; false ends the survey with `CancellationError`.
    /// - Throws: `AudioError`, also when there is not a single sample.
    package init(
        _ track: URL, sampleRate: Int, channels: Int, limits: AudioLimits? = nil, proceed: () -> Bool = { true }
    ) throws {
        let reader = try AudioReader(track, sampleRate: sampleRate, channels: channels, limits: limits)
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
        frames = count
        mean = Float(pivot + sum / Double(count))
        deviation = Float(variance.squareRoot()) + 1e-8
    }
}
