import Audio

/// One output file: mixes sources into its stem and writes it. Used by one thread at a time.
final class StemOutput {
    /// What it is made of.
    let recipe: StemRecipe
    /// Where it goes.
    let writer: AudioWriter

    private let channels: Int
    private let survey: TrackSurvey
    private let planes: [Int: Int]
    private let interleaved: UnsafeMutableBufferPointer<Float>
    private let track: UnsafeMutablePointer<Float>

    private static let sliceFrames = 8192

    /// A stem that goes to `writer`.
    init(_ recipe: StemRecipe, writer: AudioWriter, channels: Int, survey: TrackSurvey, planes: [Int: Int]) {
        self.recipe = recipe
        self.writer = writer
        self.channels = channels
        self.survey = survey
        self.planes = planes
        interleaved = .allocate(capacity: Self.sliceFrames * channels)
        track = .allocate(capacity: Self.sliceFrames)
    }

    deinit {
        interleaved.deallocate()
        track.deallocate()
    }

    /// Writes the frames from the accumulator's beginning up to `end`.
    func write(_ accumulator: Accumulator, _ window: TrackWindow, upTo end: Int) throws {
        var position = accumulator.start
        while position < end {
            let count = min(Self.sliceFrames, end - position)
            for channel in 0..<channels { mix(accumulator, window, channel: channel, from: position, count: count) }
            try writer.write(UnsafeBufferPointer(rebasing: interleaved[..<(count * channels)]))
            position += count
        }
    }

    /// One channel into the interleaved buffer; the normalisation is undone for every source, as in the reference.
    private func mix(_ accumulator: Accumulator, _ window: TrackWindow, channel: Int, from position: Int, count: Int) {
        let offset = position - accumulator.start
        let (mean, deviation) = (survey.mean, survey.deviation)
        func source(_ index: Int) -> UnsafePointer<Float> {
            accumulator.plane((planes[index] ?? 0) * channels + channel) + offset
        }
        switch recipe.ingredients {
        case .sources(let indices):
            for frame in 0..<count { interleaved[frame * channels + channel] = 0 }
            for index in indices {
                let source = source(index)
                for frame in 0..<count { interleaved[frame * channels + channel] += source[frame] * deviation + mean }
            }
        case .trackMinus(let index):
            let source = source(index)
            window.copy(channel: channel, from: position, count: count, to: track) { $0 }
            for frame in 0..<count {
                interleaved[frame * channels + channel] = track[frame] - (source[frame] * deviation + mean)
            }
        }
    }
}
