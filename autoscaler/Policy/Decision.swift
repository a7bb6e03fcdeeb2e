/// What to do now, and why.
public struct Decision: Sendable, Equatable {
    /// What the Deployment should be set to now. Nil: it could not be read, leave it alone.
    /// When this differs from the observed count, patch it; it never asks for the removal of a worker that holds a job.
    public var replicas: Int?
    /// Where `replicas` is heading once the workers in `draining` have finished. Nil when unknown.
    public var target: Int?
    /// What the jobs alone would ask for, within the bounds. Nil when unknown.
    public var recommendation: Int?
    /// The workers that must claim no further job, those to go first in front. Every other worker may claim.
    /// Nil: leave all marks as they are.
    public var draining: [String]?
    /// Those of `draining` that can go now, which `replicas` has been lowered by. Set the marks first, then lower the
    /// deletion cost of these and of no other, then patch: whoever is only draining may still hold a job.
    public var leaving: [String] = []
    /// Why, the most decisive last: demand first, then each rule that changed the number.
    public var reasons: [Reason]
    /// To be handed to the next decision.
    public var history: History

    /// A decision of its parts.
    package init(
        replicas: Int?, target: Int?, recommendation: Int?, draining: [String]?, reasons: [Reason], history: History
    ) {
        self.replicas = replicas
        self.target = target
        self.recommendation = recommendation
        self.draining = draining
        self.reasons = reasons
        self.history = history
    }

    /// The reasons as one line.
    public var explanation: String { reasons.map(\.description).joined(separator: "; ") }

    /// Those of the reasons that say why the number was raised, or lowered: why it was not changed further, or not before,
    /// would only contradict what has been done.
    public func explanation(ofGrowth isGrowth: Bool) -> String {
        let telling = reasons.filter { $0.explains(growth: isGrowth) }
        return (telling.isEmpty ? reasons : telling).map(\.description).joined(separator: "; ")
    }
}

/// What the policy remembers from one decision to the next. Start with an empty one: after a restart nothing is scaled
/// down before a full stabilisation window has been watched.
public struct History: Sendable, Equatable {
    private var watchingSince: Moment?
    private var lastWatched: Moment?
    private var lastWork: Moment?
    private var recommendations = SlidingExtreme()
    private var settling = SlidingExtreme()
    private var lastGrowth: Moment?
    private var replicas = SlidingExtreme()
    /// How many workers worked in the recent past, on the mean.
    private var usual = 0.0
    private var lastUse: Moment?
    private var demand = 0
    private var demands = SlidingExtreme()
    /// What a function had in flight.
    var load = LoadWindows()
    /// What "recent" means: what is longer ago counts for less than a third.
    private static let recentPast = Duration.seconds(600)
    /// So many jobs more in a growth period are no rise: two songs together are nothing unusual.
    private static let chance = 2

    /// Nothing seen yet.
    public init() {}

    /// Takes in how many work now. Time that nobody watched counts for nothing.
    mutating func noteUse(_ working: Int, at now: Moment, _ settings: Settings) {
        defer { lastUse = now }
        guard let gap = lastUse?.duration(to: now), gap > .zero, gap <= settings.longestGap else { return }
        usual += (Double(working) - usual) * min(1, gap / Self.recentPast)
    }

    /// How many workers to keep beyond the demand, as a share of what worked lately.
    func spare(_ settings: Settings) -> Int { Int(usual * Double(settings.sparePercent) / 100) }

    /// Takes in how many workers the jobs ask for.
    mutating func noteDemand(_ demand: Int, at now: Moment, _ settings: Settings) {
        self.demand = demand
        demands.record(demand, at: now, window: settings.growthPeriod, beats: <)
    }

    /// How many workers to keep beyond the demand while it rises: as many as it has risen by within the growth period, but for
    /// what comes by chance.
    func trend(_ settings: Settings) -> Int {
        let rise = demand - (demands.value ?? demand)
        return max(0, rise * settings.trendPercent / 100 - Self.chance)
    }

    /// Takes in one complete observation. A gap longer than the settings allow starts the watch anew.
    ///
    /// - Parameter lasting: the recommendation without what only a rise of the demand asks for, which need not be kept for
    ///   the settle window.
    mutating func record(
        recommendation: Int, lasting: Int, replicas: Int, hasWork: Bool, at now: Moment, _ settings: Settings
    ) {
        let gap = lastWatched.map { $0.duration(to: now) }
        if gap.map({ $0 < .zero || $0 > settings.longestGap }) ?? true {
            watchingSince = now
            lastWork = now
        }
        if hasWork { lastWork = now }
        lastWatched = now
        recommendations.record(recommendation, at: now, window: settings.stabilisationWindow, beats: >)
        settling.record(lasting, at: now, window: settings.window(small: true), beats: >)
        self.replicas.record(replicas, at: now, window: settings.growthPeriod, beats: <)
    }

    /// The highest recommendation within the stabilisation window, or for a small change the settle window, and for how
    /// much longer it counts.
    func highestRecommendation(at now: Moment, small: Bool, _ settings: Settings) -> (value: Int, for: Duration)? {
        func highest(_ extreme: SlidingExtreme, _ window: Duration) -> (value: Int, for: Duration)? {
            guard let value = extreme.value, let moment = extreme.moment else { return nil }
            return (value, window - moment.duration(to: now))
        }
        let short = highest(recommendations, settings.stabilisationWindow)
        guard small, let long = highest(settling, settings.window(small: true)) else { return short }
        return short.flatMap { $0.value > long.value ? $0 : nil } ?? long
    }

    /// How much longer to watch before a full window has been seen; zero or less when it has.
    func remainingWatch(at now: Moment, small: Bool, _ settings: Settings) -> Duration {
        let window = settings.window(small: small)
        guard let watchingSince else { return window }
        return window - watchingSince.duration(to: now)
    }

    /// The fleet grows now.
    mutating func noteGrowth(at now: Moment) { lastGrowth = now }

    /// How much longer it grows no further; zero or less when it may.
    func remainingGrowthPause(at now: Moment, _ settings: Settings) -> Duration {
        guard let lastGrowth else { return .zero }
        return settings.growthPause - lastGrowth.duration(to: now)
    }

    /// How much longer there must be no work before the last worker may go; zero or less when it may.
    func remainingIdle(at now: Moment, _ settings: Settings) -> Duration {
        guard let lastWork else { return settings.idleWindow }
        return settings.idleWindow - lastWork.duration(to: now)
    }

    /// The fewest replicas within the growth period, which growth is measured from.
    var growthBase: Int? { replicas.value }
}

extension Settings {
    /// How long a smaller number must have been enough: for a small change, which chance may undo, longer.
    fileprivate func window(small: Bool) -> Duration {
        small ? max(settleWindow, stabilisationWindow) : stabilisationWindow
    }
}

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

/// A point in time on the caller's clock, as the time since an origin of the caller's choosing.
///
/// The policy never reads a clock. The clock behind these moments must not go back.
public struct Moment: InstantProtocol, Sendable {
    /// The time since the origin.
    public var offset: Duration

    /// The moment that lies `offset` after the origin.
    public init(_ offset: Duration) { self.offset = offset }

    /// The moment `duration` later.
    public func advanced(by duration: Duration) -> Moment { Moment(offset + duration) }

    /// How long it is from here to `other`; negative when `other` is earlier.
    public func duration(to other: Moment) -> Duration { other.offset - offset }

    /// Earlier comes first.
    public static func < (left: Moment, right: Moment) -> Bool { left.offset < right.offset }
}
