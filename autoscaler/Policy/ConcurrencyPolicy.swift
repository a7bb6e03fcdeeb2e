/// How many pods a function needs for the requests that it has in flight, as a pure function: no input or output, no clock, no
/// state of its own. ``ScalingPolicy`` does the same for workers, whose jobs wait in a queue; requests do not wait.
///
/// The measure is the pods' worth of requests in flight: of a pod that is there for 16, with 40 in flight, 2.5. Two windows look
/// at it. The mean of the stable one says how many pods there should be. When the short one asks for twice as many as are
/// ready, that is a burst: as many as it asks for are set at once, and none of them goes before a whole stable window without
/// a further one.
///
/// | 1 pod is up, there for 16 | says |
/// |---|---|
/// | 12 in flight for a minute | "12 in flight over 1 min, 16 a pod: 1 pod" |
/// | 100 in flight for a second | "burst: 100 in flight over 1 s, 16 a pod: 7 pods" |
/// | 12 again | "kept at 7 for 42 s more after a burst" |
/// | a minute later | "12 in flight over 1 min, 16 a pod: 1 pod"; the six with the fewest requests go, and finish them |
///
/// Source: the two windows are those of Knative's autoscaler (`pkg/autoscaler/scaling`).
public struct ConcurrencyPolicy: Sendable {
    /// What the operator has chosen.
    public let settings: ConcurrencySettings

    /// A policy with valid settings.
    ///
    /// - Throws: `SettingsError` naming the setting that cannot be.
    public init(_ settings: ConcurrencySettings) throws(SettingsError) {
        try settings.validate()
        self.settings = settings
    }

    /// Decides on one observation.
    ///
    /// What cannot be read holds everything, but for the minimum, which is reached in any case. Nothing shrinks before a whole
    /// stable window was watched, while a ready pod does not tell what it has in flight, and while two versions live.
    public func decide(_ observation: LoadObservation, history: History, now: Moment) -> Decision {
        guard let fleet = observation.fleet.value else {
            return Decision(reasons: observation.fleet.missing(Reason.fleetUnknown), history: history)
        }
        var decision = Decision(replicas: fleet.replicas, reasons: [], history: history)
        let wanted = recommend(observation.load, fleet, now, &decision)
        let rules = settings.rules
        let troubles = rules.troubles(of: fleet)
        switch observation.control {
        case .paused:
            decision.reasons += troubles + [.paused]
            return decision
        case .yielding(let replicas, let rest):
            decision.reasons += troubles + [.yielding(to: replicas, for: rest)]
            return decision
        case .override(let replicas):
            decision.reasons = [.override(replicas)]
            decision.target = rules.bounded(replicas, &decision.reasons)
        case .automatic:
            decision.target = wanted
        }
        decision.reasons += troubles
        var target = decision.target ?? fleet.replicas
        target = rules.heldInTrouble(target, fleet, troubles, &decision.reasons)
        target = rules.withinHeadroom(target, fleet, observation.headroom, &decision.reasons)
        release(fleet, observation.load.value, to: target, &decision)
        return decision
    }

    /// What the requests ask for, within the bounds.
    private func recommend(
        _ reading: Reading<Load>, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision
    ) -> Int {
        guard let load = reading.value else {
            decision.reasons += reading.missing(Reason.loadUnknown)
            return settings.rules.bounded(max(fleet.replicas, settings.minReplicas), &decision.reasons)
        }
        guard load.answering > 0 else {
            decision.reasons.append(.noneReady)
            return settings.rules.bounded(max(fleet.replicas, settings.minReplicas), &decision.reasons)
        }
        decision.history.load.record(load, at: now, settings)
        let windows = decision.history.load
        let stable = windows.mean(over: settings.stableWindow, at: now)
        let burst = windows.mean(over: settings.panicWindow, at: now)

        var wanted = stable.podsNeeded
        decision.reasons.append(
            .load(inFlight: stable.inFlight, over: settings.stableWindow, perPod: stable.perPod, pods: wanted))
        let isBurst = burst.pods * 100 >= Double(max(1, fleet.ready) * settings.panicPercent)
        if isBurst, burst.podsNeeded > wanted {
            wanted = burst.podsNeeded
            decision.reasons.append(
                .burst(inFlight: burst.inFlight, over: settings.panicWindow, perPod: burst.perPod, pods: wanted))
        }
        if isBurst { decision.history.load.burst(at: now, for: settings.stableWindow) }
        let recommendation = settings.rules.bounded(wanted, &decision.reasons)
        decision.recommendation = recommendation
        guard recommendation < fleet.replicas else { return recommendation }
        return shrunk(to: recommendation, stable, load, fleet, now, &decision)
    }

    /// A smaller number, if nothing speaks against it.
    private func shrunk(
        to wanted: Int, _ stable: LoadWindows.Mean, _ load: Load, _ fleet: Fleet, _ now: Moment,
        _ decision: inout Decision
    ) -> Int {
        // No more than the maximum, whatever has been: the bounds are not a matter of demand.
        let current = min(fleet.replicas, max(settings.maxReplicas, wanted))
        let watch = decision.history.load.remainingWatch(at: now, settings)
        if watch > .zero {
            decision.reasons.append(.watching(for: watch))
            return current
        }
        if let rest = decision.history.load.remainingBurst(at: now) {
            decision.reasons.append(.afterBurst(at: current, for: rest))
            return current
        }
        if load.silent > 0 {
            decision.reasons.append(.silent(load.silent))
            return current
        }
        // A tenth of room, so that a load at the border of a pod's share does not swing it to and fro.
        return min(current, max(wanted, LoadWindows.Mean(inFlight: 0, pods: stable.pods * 1.1).podsNeeded))
    }

    /// Who goes: pods that do not serve yet, then those with the fewest requests. They are told to end by their Deployment, take no
    /// more, and finish what they have in their grace period.
    private func release(_ fleet: Fleet, _ load: Load?, to target: Int, _ decision: inout Decision) {
        decision.target = target
        guard target < fleet.replicas else {
            decision.replicas = target
            return
        }
        guard !fleet.isRollingOut else {
            decision.reasons.append(.rollingOut(target: target))
            return
        }
        func rank(_ pod: Replica) -> Double {
            switch pod.phase {
            case .pending: -2
            case .starting: -1
            case .ready, .terminating: load?.byPod[pod.id] ?? .infinity
            }
        }
        let live = fleet.workers.filter(\.isLive)
        let order = live.enumerated().sorted {
            let (a, b) = (rank($0.element), rank($1.element))
            return a == b ? $0.offset > $1.offset : a < b
        }
        decision.leaving = order.prefix(max(0, live.count - target)).map(\.element.id)
        decision.replicas = target
    }
}

/// Everything that one decision about a function is taken on, read at about the same moment.
public struct LoadObservation: Sendable, Equatable {
    /// What its pods have in flight.
    public var load: Reading<Load>
    /// Its pods.
    public var fleet: Reading<Fleet>
    /// What further pods may ask for.
    public var headroom: Reading<Headroom>
    /// What the operator has asked for.
    public var control: Control

    /// An observation of its parts.
    public init(
        load: Reading<Load>, fleet: Reading<Fleet>, headroom: Reading<Headroom>, control: Control = .automatic
    ) {
        self.load = load
        self.fleet = fleet
        self.headroom = headroom
        self.control = control
    }
}

/// What a function's pods have in flight, on the mean since they were asked before.
public struct Load: Sendable, Equatable {
    /// Requests in flight in all ready pods; those that did not answer count as the mean of the others.
    public var inFlight: Double
    /// So many pods' worth of requests that is.
    public var pods: Double
    /// How many pods answered.
    public var answering: Int
    /// How many pods are ready, but did not answer.
    public var silent: Int
    /// The requests of each pod that answered.
    public var byPod: [String: Double]

    /// A load of its parts.
    public init(inFlight: Double, pods: Double, answering: Int, silent: Int = 0, byPod: [String: Double] = [:]) {
        self.inFlight = inFlight
        self.pods = pods
        self.answering = answering
        self.silent = silent
        self.byPod = byPod
    }
}

/// The loads of the last while, each the mean since the one before.
struct LoadWindows: Sendable, Equatable {
    private struct Sample: Sendable, Equatable {
        var at: Moment
        var span: Duration
        var inFlight: Double
        var pods: Double
    }

    /// A mean over a window.
    struct Mean: Sendable, Equatable {
        var inFlight: Double
        var pods: Double

        /// So many pods are enough for it.
        var podsNeeded: Int { pods.isFinite ? Int(min(max(pods, 0), 1e6).rounded(.up)) : 0 }
        /// How many requests a pod is there for.
        var perPod: Double { pods > 0 ? inFlight / pods : 0 }
    }

    private var samples: [Sample] = []
    private var watchingSince: Moment?
    private var burstEnd: Moment?

    /// Takes in a load. After a long gap the windows are watched anew.
    mutating func record(_ load: Load, at now: Moment, _ settings: ConcurrencySettings) {
        guard load.inFlight.isFinite, load.pods.isFinite else { return }
        let gap = samples.last.map { $0.at.duration(to: now) }
        if gap.map({ $0 < .zero || $0 > settings.longestGap }) ?? true {
            samples = []
            watchingSince = now
        }
        let start = now.advanced(by: .zero - settings.stableWindow)
        samples.removeAll { $0.at <= start }
        let span = samples.isEmpty ? .zero : gap ?? .zero
        samples.append(Sample(at: now, span: span, inFlight: load.inFlight, pods: load.pods))
    }

    /// The mean of the last `window`; the newest load counts in any case.
    func mean(over window: Duration, at now: Moment) -> Mean {
        var (time, inFlight, pods) = (0.0, 0.0, 0.0)
        for sample in samples.reversed() {
            let rest = window.seconds - time
            guard rest > 1e-9 else { break }
            // The first one is about a moment, not about a time.
            let weight = sample.span == .zero ? min(rest, 1e-3) : min(rest, sample.span.seconds)
            time += weight
            inFlight += sample.inFlight * weight
            pods += sample.pods * weight
        }
        return time > 0 ? Mean(inFlight: inFlight / time, pods: pods / time) : Mean(inFlight: 0, pods: 0)
    }

    /// From now on nothing shrinks for so long.
    mutating func burst(at now: Moment, for window: Duration) { burstEnd = now.advanced(by: window) }

    /// How much longer nothing shrinks after a burst; `nil` when it may.
    func remainingBurst(at now: Moment) -> Duration? {
        burstEnd.map { now.duration(to: $0) }.flatMap { $0 > .zero ? $0 : nil }
    }

    /// How much longer to watch before a whole stable window has been seen; zero or less when it has.
    func remainingWatch(at now: Moment, _ settings: ConcurrencySettings) -> Duration {
        guard let watchingSince else { return settings.stableWindow }
        return settings.stableWindow - watchingSince.duration(to: now)
    }
}
