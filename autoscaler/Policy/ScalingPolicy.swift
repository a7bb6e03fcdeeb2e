/// How many workers there should be, as a pure function: no input or output, no clock, no state of its own.
///
/// ```swift
/// let policy = try ScalingPolicy(Settings())
/// var history = History()
/// let decision = policy.decide(observation, history: history, now: now)
/// history = decision.history
/// ```
public struct ScalingPolicy: Sendable {
    /// What the operator has chosen.
    public let settings: Settings

    /// A policy with valid settings.
    ///
    /// - Throws: `SettingsError` naming the setting that cannot be.
    public init(_ settings: Settings) throws(SettingsError) {
        try settings.validate()
        self.settings = settings
    }

    /// Decides on one observation.
    ///
    /// The rules, in order: what cannot be read holds everything; demand by jobs and by audio, within the bounds; a pause
    /// or an override; growth at its rate, shrinking by the stabilisation and idle windows; workers in trouble stop
    /// growth; memory; and no worker goes that holds a job or could still claim one.
    public func decide(_ observation: Observation, history: History, now: Moment) -> Decision {
        guard let fleet = observation.fleet.value else {
            return Decision(reasons: observation.fleet.missing(Reason.fleetUnknown), history: history)
        }
        var decision = Decision(replicas: fleet.replicas, draining: fleet.draining, reasons: [], history: history)
        if let backlog = observation.backlog.value {
            recommend(backlog, fleet, now, &decision)
        } else if case .override = observation.control {
        } else {
            decision.reasons = observation.backlog.missing(Reason.backlogUnknown)
        }

        switch observation.control {
        case .paused:
            decision.reasons.append(.paused)
            return decision
        case .override(let replicas):
            decision.reasons = [.override(replicas)]
            decision.target = bounded(replicas, &decision.reasons)
        case .automatic:
            guard let recommendation = decision.recommendation else { return decision }
            decision.target =
                recommendation < fleet.replicas
                ? shrunk(to: recommendation, fleet, now, &decision)
                : grown(to: recommendation, fleet, &decision)
        }
        guard var target = decision.target else { return decision }
        target = withoutGrowthInTrouble(target, fleet, &decision.reasons)
        target = withinMemory(target, fleet, observation.memory, &decision.reasons)
        decision.target = target
        release(fleet, to: target, &decision)
        return decision
    }

    /// Growth may add `growthStep` or `growthPercent` to the fewest replicas within the growth period. The minimum is
    /// reached at once.
    private func grown(to wanted: Int, _ fleet: Fleet, _ decision: inout Decision) -> Int {
        let base = min(decision.history.growthBase ?? fleet.replicas, fleet.replicas)
        let byPercent = (base * settings.growthPercent + 99) / 100
        let limit = max(fleet.replicas, base + max(settings.growthStep, byPercent), settings.minReplicas)
        guard wanted > limit else { return wanted }
        decision.reasons.append(.growthLimited(to: limit, wanted: wanted, period: settings.growthPeriod))
        return limit
    }

    /// Shrinking goes to the highest recommendation of a fully watched window, and to zero only after the idle window.
    private func shrunk(to wanted: Int, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision) -> Int {
        let history = decision.history
        // No more than the maximum, whatever was wanted before: the bounds are not a matter of demand.
        let current = min(fleet.replicas, max(settings.maxReplicas, wanted))
        let watch = history.remainingWatch(at: now, settings)
        guard watch <= .zero else {
            decision.reasons.append(.watching(for: watch))
            return current
        }
        var target = wanted
        if let highest = history.highestRecommendation(at: now, settings), highest.value > wanted {
            target = min(current, highest.value)
            decision.reasons.append(.stabilising(at: target, for: highest.for))
        }
        guard target == 0 else { return target }
        let idle = history.remainingIdle(at: now, settings)
        guard idle <= .zero else {
            decision.reasons.append(.keepingLast(for: idle))
            return 1
        }
        decision.reasons.append(.idle(settings.idleWindow))
        return 0
    }
}

extension Decision {
    /// A decision that leaves everything as it is.
    fileprivate init(replicas: Int? = nil, draining: [String]? = nil, reasons: [Reason], history: History) {
        self.init(
            replicas: replicas, target: replicas, recommendation: nil, draining: draining, reasons: reasons,
            history: history)
    }
}

extension Reading {
    /// The reason made of why it could not be read; none when it was read.
    func missing(_ reason: (String) -> Reason) -> [Reason] {
        if case .unknown(let why) = self { [reason(why)] } else { [] }
    }
}
