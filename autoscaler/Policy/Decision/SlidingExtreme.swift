/// The highest (or lowest) of the values recorded over the last while, in space for the distinct steps only.
struct SlidingExtreme: Sendable, Equatable {
    private var samples: [Sample] = []

    private struct Sample: Sendable, Equatable {
        var moment: Moment
        var value: Int
    }

    /// The extreme over what is kept; nil when nothing is.
    var value: Int? { samples.first?.value }

    /// When the sample that `value` comes from was taken.
    var moment: Moment? { samples.first?.moment }

    /// Records `value`, and forgets what is older than `window` and what the new value outlives.
    mutating func record(_ value: Int, at now: Moment, window: Duration, beats: (Int, Int) -> Bool) {
        while let last = samples.last, last.value == value || beats(value, last.value) { samples.removeLast() }
        samples.append(Sample(moment: now, value: value))
        let start = now.advanced(by: .zero - window)
        let expired = samples.prefix { $0.moment < start }.count
        if expired > 0 { samples.removeFirst(expired) }
    }
}
