import Audio
import Foundation

/// One stem on its way out of the accumulator: mixed from the sources, converted to its file's rate, encoded. Used by one
/// thread at a time.
final class StemOutput {
    /// Where it goes.
    enum Sink {
        /// A file of its own.
        case file(AudioWriter)
        /// A track of the one file.
        case track(Int, of: StemFile)
    }

    /// What it is made of.
    let recipe: StemRecipe
    /// Where its peaks go.
    private let peaks: URL?
    /// The frames that were taken and not written yet, interleaved.
    private(set) var samples: [Float] = []
    /// The largest magnitude so far.
    private(set) var peak: Float = 0
    /// How long encoding took so far, and for how many frames.
    private(set) var encodingSeconds = 0.0
    private(set) var encodedFrames = 0

    private let sink: Sink
    private let channels: Int
    private let survey: TrackSurvey
    private let planes: [Int: Int]
    private let resampler: Resampler?
    private let shape: OutputShape
    private let track: UnsafeMutablePointer<Float>
    private let converted: UnsafeMutableBufferPointer<Float>

    /// Frames that are taken at a time.
    static let sliceFrames = 8192

    /// A stem of sources at `rate`.
    init(
        _ recipe: StemRecipe, sink: Sink, peaks: URL? = nil, channels: Int, survey: TrackSurvey, planes: [Int: Int],
        from rate: Int, shape: OutputShape
    ) throws {
        self.recipe = recipe
        self.peaks = peaks
        self.sink = sink
        self.channels = channels
        self.survey = survey
        self.planes = planes
        self.shape = shape
        resampler =
            rate == shape.sampleRate ? nil : try Resampler(from: rate, to: shape.sampleRate, channels: channels)
        track = .allocate(capacity: Self.sliceFrames)
        converted = .allocate(capacity: Self.sliceFrames * channels)
    }

    deinit {
        track.deallocate()
        converted.deallocate()
    }

    /// Mixes and converts a slice of the track.
    func take(_ slice: Range<Int>, _ accumulator: Accumulator, _ window: TrackWindow) throws {
        samples.removeAll(keepingCapacity: true)
        samples.append(contentsOf: repeatElement(0, count: slice.count * channels))
        for channel in 0..<channels { mix(accumulator, window, channel: channel, slice) }
        guard let resampler else { return }
        var output: [Float] = []
        try samples.withUnsafeBufferPointer { samples in
            var taken = 0
            while true {
                let step = try resampler.process(
                    UnsafeBufferPointer(rebasing: samples[(taken * channels)...]), into: converted)
                taken += step.consumed
                output.append(contentsOf: converted[..<(step.produced * channels)])
                if taken == slice.count, step.produced * channels < converted.count { break }
            }
        }
        samples = output
    }

    /// What the conversion still owes.
    func takeRest() throws {
        samples.removeAll(keepingCapacity: true)
        guard let resampler else { return }
        while true {
            let frames = try resampler.drain(into: converted, total: shape.frames)
            if frames == 0 { return }
            samples.append(contentsOf: converted[..<(frames * channels)])
        }
    }

    /// Replaces a sample that was taken.
    func set(_ sample: Float, at index: Int) { samples[index] = sample }

    /// Writes what was taken.
    func write() throws {
        guard !samples.isEmpty else { return }
        let begin = ContinuousClock.now
        try samples.withUnsafeBufferPointer { samples in
            for sample in samples where abs(sample) > peak { peak = abs(sample) }
            switch sink {
            case .file(let writer): try writer.write(samples)
            case .track(let index, let file): try file.encode(samples, track: index)
            }
        }
        guard postponedFrames == 0 else { return }
        encodingSeconds += (ContinuousClock.now - begin) / .seconds(1)
        encodedFrames += samples.count / channels
    }

    /// Frames that ``complete(isCancelled:)`` has to encode.
    var postponedFrames: Int {
        if case .file(let writer) = sink { writer.postponedFrames } else { 0 }
    }

    /// Encodes what is left.
    func complete(isCancelled: () -> Bool) throws {
        switch sink {
        case .file(let writer): try writer.complete(isCancelled: isCancelled)
        case .track(let index, let file):
            if isCancelled() { throw CancellationError() }
            try file.end(track: index)
        }
    }

    /// Gives a file of its own its name.
    func finish() throws -> SeparationReport.Stem? {
        guard case .file(let writer) = sink else { return nil }
        let result = try writer.finish()
        return SeparationReport.Stem(
            name: recipe.name, url: result.url, peak: result.peak, frames: result.frames, gain: result.gain,
            peaks: peaks)
    }

    /// Gives up.
    func cancel() {
        if case .file(let writer) = sink { writer.cancel() }
    }

    /// One channel into `samples`; the normalisation is undone for every source, as in the reference.
    private func mix(_ accumulator: Accumulator, _ window: TrackWindow, channel: Int, _ slice: Range<Int>) {
        let offset = slice.lowerBound - accumulator.start
        let (mean, deviation) = (survey.mean, survey.deviation)
        func source(_ index: Int) -> UnsafePointer<Float> {
            accumulator.plane((planes[index] ?? 0) * channels + channel) + offset
        }
        samples.withUnsafeMutableBufferPointer { samples in
            switch recipe.ingredients {
            case .sources(let indices):
                for index in indices {
                    let source = source(index)
                    for frame in 0..<slice.count {
                        samples[frame * channels + channel] += source[frame] * deviation + mean
                    }
                }
            case .trackMinus(let indices):
                window.copy(channel: channel, from: slice.lowerBound, count: slice.count, to: track) { $0 }
                for frame in 0..<slice.count { samples[frame * channels + channel] = track[frame] }
                for index in indices {
                    let source = source(index)
                    for frame in 0..<slice.count {
                        samples[frame * channels + channel] -= source[frame] * deviation + mean
                    }
                }
            }
        }
    }
}

// MARK: - What the stems add up to

/// What the model leaves of the track: its sources never quite add up to it.
struct Remainder {
    private let channels: Int
    private let survey: TrackSurvey
    private let planes: Int
    private var power = 0.0
    private var total = 0.0

    /// Nothing yet, of all sources in so many planes.
    init(channels: Int, survey: TrackSurvey, planes: Int) {
        self.channels = channels
        self.survey = survey
        self.planes = planes
    }

    /// The remainder's power over the track's, in dB; at least -200.
    var decibels: Double { total > 0 ? max(-200, 10 * log10(max(power, .leastNormalMagnitude) / total)) : -200 }

    /// Counts the frames from the accumulator's beginning up to `end`.
    mutating func add(_ accumulator: Accumulator, _ window: TrackWindow, upTo end: Int) {
        let count = end - accumulator.start
        guard count > 0 else { return }
        let offset = survey.mean * Float(planes)
        var rest = [Float](repeating: 0, count: count)
        for channel in 0..<channels {
            rest.withUnsafeMutableBufferPointer { rest in
                guard let base = rest.baseAddress else { return }
                window.copy(channel: channel, from: accumulator.start, count: count, to: base) { $0 }
                for frame in 0..<count { total += Double(rest[frame]) * Double(rest[frame]) }
                for plane in 0..<planes {
                    let source = accumulator.plane(plane * channels + channel)
                    for frame in 0..<count { rest[frame] -= source[frame] * survey.deviation }
                }
                for frame in 0..<count {
                    let value = Double(rest[frame] - offset)
                    power += value * value
                }
            }
        }
    }
}

/// Lets stems add up to the track: what is left over is shared out equally, then every stem is brought to the steps of its
/// format and what that leaves goes to the first that has room for it.
final class ExactSum {
    private let reader: AudioReader
    private let channels: Int
    /// Steps from 0 to full scale; nil for floats.
    private let steps: Double?
    private var track: [Float] = []

    /// The sum of stems of a track that are written in this shape.
    init(_ track: URL, shape: OutputShape, channels: Int, selection: ChannelSelection) throws {
        reader = try AudioReader(track, sampleRate: shape.sampleRate, channels: channels, selection: selection)
        self.channels = channels
        steps = shape.format.steps
    }

    /// Changes the frames that the stems have taken, which are the track's next.
    func distribute(_ stems: [StemOutput]) throws {
        guard let count = stems.first?.samples.count, count > 0 else { return }
        if track.count < count { track = [Float](repeating: 0, count: count) }
        let frames = try track.withUnsafeMutableBufferPointer {
            try reader.read(into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
        }
        for index in (frames * channels)..<count { track[index] = 0 }
        for index in 0..<count {
            let sum = stems.reduce(0) { $0 + Double($1.samples[index]) }
            let share = (Double(track[index]) - sum) / Double(stems.count)
            guard let steps else {
                // The last one takes what rounding leaves.
                var rest = Double(track[index])
                for stem in stems.dropLast() {
                    let sample = Float(Double(stem.samples[index]) + share)
                    stem.set(sample, at: index)
                    rest -= Double(sample)
                }
                stems.last?.set(Float(rest), at: index)
                continue
            }
            var rest = (Double(track[index]) * steps).rounded()
            var values = stems.map { stem in
                let value = max(-steps, min(steps - 1, ((Double(stem.samples[index]) + share) * steps).rounded()))
                rest -= value
                return value
            }
            for place in values.indices where rest != 0 {
                let value = max(-steps, min(steps - 1, values[place] + rest))
                rest -= value - values[place]
                values[place] = value
            }
            for (stem, value) in zip(stems, values) { stem.set(Float(value / steps), at: index) }
        }
    }
}
