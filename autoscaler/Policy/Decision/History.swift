/// What the policy remembers from one decision to the next. Start with an empty one: after a restart nothing is scaled
/// down before a full stabilisation window has been watched.
public struct History: Sendable, Equatable {
    private var watchingSince: Moment?
    private var lastWatched: Moment?
    private var lastWork: Moment?
    private var recommendations = SlidingExtreme()
    private var replicas = SlidingExtreme()

    /// Nothing seen yet.
    public init() {}

    /// Takes in one complete observation. A gap longer than the settings allow starts the watch anew.
    mutating func record(recommendation: Int, replicas: Int, hasWork: Bool, at now: Moment, _ settings: Settings) {
        let gap = lastWatched.map { $0.duration(to: now) }
        if gap.map({ $0 < .zero || $0 > settings.longestGap }) ?? true {
            watchingSince = now
            lastWork = now
        }
        if hasWork { lastWork = now }
        lastWatched = now
        recommendations.record(recommendation, at: now, window: settings.stabilisationWindow, beats: >)
        self.replicas.record(replicas, at: now, window: settings.growthPeriod, beats: <)
    }

    /// The highest recommendation within the stabilisation window, and for how much longer it counts.
    func highestRecommendation(at now: Moment, _ settings: Settings) -> (value: Int, for: Duration)? {
        guard let value = recommendations.value, let moment = recommendations.moment else { return nil }
        return (value, settings.stabilisationWindow - moment.duration(to: now))
    }

    /// How much longer to watch before a full stabilisation window has been seen; zero or less when it has.
    func remainingWatch(at now: Moment, _ settings: Settings) -> Duration {
        guard let watchingSince else { return settings.stabilisationWindow }
        return settings.stabilisationWindow - watchingSince.duration(to: now)
    }

    /// How much longer there must be no work before the last worker may go; zero or less when it may.
    func remainingIdle(at now: Moment, _ settings: Settings) -> Duration {
        guard let lastWork else { return settings.idleWindow }
        return settings.idleWindow - lastWork.duration(to: now)
    }

    /// The fewest replicas within the growth period, which growth is measured from.
    var growthBase: Int? { replicas.value }
}
