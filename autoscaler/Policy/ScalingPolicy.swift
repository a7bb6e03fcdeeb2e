/// How many workers there should be, as a pure function: no input or output, no clock, no state of its own.
///
/// ```swift
/// let policy = try ScalingPolicy(Settings())
/// var history = History()
/// let decision = policy.decide(observation, history: history, now: now)
/// history = decision.history
/// ```
///
/// This file reads like the decision, from the first rule to the last. An example with the default settings, but two jobs a
/// worker: 3 workers are up, all busy, and 9 jobs wait.
///
/// | step | rule | says |
/// |---|---|---|
/// | 1 | ``demand(_:_:)``: 12 unfinished jobs, so many a worker | "9 waiting and 3 in flight, 2 a worker: 6 workers" |
/// | 2 | ``withSpare(_:_:_:_:)``, ``FleetRules`` | nothing: too few worked lately, nothing rises; 6 is within 0 and 20 |
/// | 3 | ``grown(to:_:_:)``: at most 10 more, or double, in 15 s | nothing: 6 is within 13 |
/// | 4 | ``FleetRules`` | nothing: nobody is in trouble |
/// | 5 | ``FleetRules``: the quota has room for 2 more | "capped: limits.memory 5 of 6" |
/// | 6 | ``release(_:to:_:)`` | nothing: nobody has to go |
///
/// The decision is 5. A minute later 1 job is left, being worked on: step 1 says 1, and instead of step 3 `shrunk` keeps the
/// 5 until nothing more was wanted for a whole stabilisation window. Then step 6 marks four workers to drain, and lowers the
/// number only by those that have said that they claim no more.
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
    /// What cannot be read holds everything. A pause holds everything too, and so does somebody else who sets the number.
    /// Workers in trouble are told of whatever is decided. Three promises hold for every decision: it never asks for more
    /// than there are or than the target, it never asks for growth beyond what memory and quotas allow, and no worker goes
    /// that holds a job or could still claim one.
    public func decide(_ observation: Observation, history: History, now: Moment) -> Decision {
        guard let fleet = observation.fleet.value else {
            return Decision(reasons: observation.fleet.missing(Reason.fleetUnknown), history: history)
        }
        var decision = Decision(replicas: fleet.replicas, draining: fleet.draining, reasons: [], history: history)
        if let backlog = observation.backlog.value {
            recommend(backlog, fleet, observation.headroom.value, now, &decision)
        } else if case .override = observation.control {
        } else {
            decision.reasons = observation.backlog.missing(Reason.backlogUnknown)
        }

        let rules = settings.rules
        let troubles = rules.troubles(of: fleet)
        switch observation.control {
        case .paused:
            decision.reasons += troubles + [.paused]
            return decision
        case .yielding(let replicas, let rest):
            decision.reasons += troubles + [.yielding(to: replicas, for: rest)]
            decision.draining = []
            return decision
        case .override(let replicas):
            decision.reasons = [.override(replicas)]
            decision.target = rules.bounded(replicas, &decision.reasons)
            decision.reasons += troubles
        case .automatic:
            guard let recommendation = decision.recommendation else {
                decision.reasons = troubles + decision.reasons
                return decision
            }
            decision.target =
                recommendation < fleet.replicas
                ? shrunk(to: recommendation, fleet, now, &decision)
                : grown(to: recommendation, fleet, now, &decision)
            decision.reasons += troubles
        }
        guard var target = decision.target else { return decision }
        target = rules.heldInTrouble(target, fleet, troubles, &decision.reasons)
        target = rules.withinHeadroom(target, fleet, observation.headroom, &decision.reasons)
        decision.target = target
        release(fleet, to: target, &decision)
        if let replicas = decision.replicas, replicas > fleet.replicas { decision.history.noteGrowth(at: now) }
        return decision
    }

    // MARK: - 1, 2: What the jobs ask for

    /// What the jobs ask for, within the bounds; also recorded in the decision's history.
    private func recommend(
        _ backlog: Backlog, _ fleet: Fleet, _ headroom: Headroom?, _ now: Moment, _ decision: inout Decision
    ) {
        let (demand, reason) = demand(backlog, fleet)
        decision.reasons.append(reason)
        if demand > 0, fleet.replicas == 0 { decision.reasons.append(.firstJob) }
        // Jobs shared out several to a worker would, on a steady load, ask for fewer workers than are kept busy; the
        // fleet would swing. So the busy are part of what is asked for, and of what the window remembers. Those beyond the
        // number that is set, as the new version's during a rollout, are not: the number would climb after them.
        let working = min(fleet.busy, fleet.replicas)
        if working > demand { decision.reasons.append(.working(working)) }
        decision.history.noteUse(working, at: now, settings)
        decision.history.noteDemand(max(demand, working), at: now, settings)
        let (wanted, lasting) = withSpare(max(demand, working), fleet, headroom, &decision)
        let recommendation = settings.rules.bounded(wanted, &decision.reasons)
        decision.recommendation = recommendation
        decision.history.record(
            recommendation: recommendation, lasting: min(lasting, recommendation), replicas: fleet.replicas,
            hasWork: backlog.jobs > 0 || fleet.busy > 0, at: now, settings)
    }

    /// The larger of the demand by jobs and by audio; never more workers than jobs.
    ///
    /// What workers on their way out still finish needs nobody else. Nor does what a rollout's surplus has claimed: it would
    /// make the number climb, the surplus with it, and so on.
    private func demand(_ backlog: Backlog, _ fleet: Fleet) -> (Int, Reason) {
        let ending = fleet.workers.count { worker in
            if case .busy = worker.activity { !worker.isLive } else { false }
        }
        var inFlight = max(0, backlog.inFlight - ending)
        if fleet.isRollingOut { inFlight = min(inFlight, fleet.replicas) }
        let jobs = max(0, backlog.waiting) + inFlight
        guard jobs > 0 else { return (0, .noJobs) }
        let perWorker = settings.targetJobsPerWorker
        let byJobs = (jobs - 1) / perWorker + 1
        let audio = (backlog.waitingAudio ?? 0) + (backlog.inFlightAudio ?? 0)
        if let factor = backlog.realTimeFactor, factor.isFinite, factor > 0, audio.isFinite, audio > 0 {
            let workers = (audio * factor / settings.targetWait.seconds).rounded(.up)
            let byAudio = Int(min(workers, Double(jobs)))
            if byAudio > byJobs {
                return (
                    byAudio,
                    .demandByAudio(
                        audio: audio, realTimeFactor: factor, targetWait: settings.targetWait, workers: byAudio)
                )
            }
        }
        return (
            byJobs,
            .demandByJobs(
                waiting: max(0, backlog.waiting), inFlight: inFlight, perWorker: perWorker, workers: byJobs)
        )
    }

    /// A few workers beyond the demand save the next jobs the wait for a start. How many is learnt: a share of those that
    /// worked lately, so that a fleet that is rarely used keeps none; or, if that is more, as many as the demand has just risen
    /// by. What only the rise asks for is not `lasting`, or each burst would be paid for twice.
    ///
    /// They are a margin to both sides: as long as one of them is left, and not more than twice as many are, the number stays, which
    /// spares a patch for each job that comes or goes. They never ask for more than the maximum or the headroom, which would be told
    /// as trouble.
    private func withSpare(
        _ demand: Int, _ fleet: Fleet, _ headroom: Headroom?, _ decision: inout Decision
    ) -> (wanted: Int, lasting: Int) {
        let most = min(
            settings.maxReplicas, headroom.map { $0.ceiling(for: fleet)?.workers ?? .max } ?? fleet.replicas)
        func with(_ spare: Int) -> Int {
            let left = fleet.replicas - demand
            return left > 0 && left <= 2 * spare ? fleet.replicas : demand + spare
        }
        let room = max(0, most - demand)
        let spare = min(decision.history.spare(settings), room)
        let trend = min(decision.history.trend(settings), room)
        if trend > spare {
            decision.reasons.append(.rising(trend, within: settings.growthPeriod))
        } else if spare > 0 {
            decision.reasons.append(.spare(spare, percent: settings.sparePercent))
        }
        return (with(max(spare, trend)), with(spare))
    }

    // MARK: - 3: How fast

    /// Growth may add `growthStep` or `growthPercent` to the fewest replicas within the growth period. The minimum is
    /// reached at once.
    private func grown(to wanted: Int, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision) -> Int {
        let rest = decision.history.remainingGrowthPause(at: now, settings)
        if wanted > max(fleet.replicas, settings.minReplicas), fleet.replicas > 0, rest > .zero {
            decision.reasons.append(.growthPaused(for: rest))
            return max(fleet.replicas, settings.minReplicas)
        }
        let base = min(decision.history.growthBase ?? fleet.replicas, fleet.replicas)
        let byPercent = (base * settings.growthPercent + 99) / 100
        let limit = max(fleet.replicas, base + max(settings.growthStep, byPercent), settings.minReplicas)
        guard wanted > limit else { return wanted }
        decision.reasons.append(.growthLimited(to: limit, wanted: wanted, period: settings.growthPeriod))
        return limit
    }

    /// Shrinking goes to the highest recommendation of a fully watched window, and to zero only after the idle window. As long
    /// as at least half of the fleet is wanted, the window is the longer one.
    private func shrunk(to wanted: Int, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision) -> Int {
        let history = decision.history
        // Workers that nobody has asked for, before there was any job: a Deployment begins with one.
        if fleet.isAsCreated, decision.recommendation == settings.minReplicas, fleet.busy == 0 {
            decision.reasons.append(.neverWanted)
            return wanted
        }
        // No more than the maximum, whatever was wanted before: the bounds are not a matter of demand.
        let current = min(fleet.replicas, max(settings.maxReplicas, wanted))
        let lately = history.highestRecommendation(at: now, small: false, settings)?.value ?? wanted
        let isSmall = max(wanted, lately) * 2 > current
        let watch = history.remainingWatch(at: now, small: isSmall, settings)
        guard watch <= .zero else {
            decision.reasons.append(.watching(for: watch))
            return current
        }
        var target = wanted
        if let highest = history.highestRecommendation(at: now, small: isSmall, settings),
            highest.value > wanted
        {
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

    // MARK: - 6: Who goes

    /// Picks who goes when the fleet shrinks to `target`, and lowers the number only by those that can go now.
    private func release(_ fleet: Fleet, to target: Int, _ decision: inout Decision) {
        let surplus = fleet.replicas - target
        guard surplus > 0 else {
            decision.replicas = target
            decision.draining = []
            return
        }
        let live = fleet.workers.count(where: \.isLive)
        // Replicas that were never created go first and disturb no one. What the Deployment itself says counts too: the
        // list of workers may be behind.
        let uncreated = min(surplus, max(0, fleet.replicas - max(live, fleet.created ?? 0)))
        decision.replicas = fleet.replicas - uncreated
        decision.draining = []
        guard surplus > uncreated else { return }
        // While there are two versions, each has a ReplicaSet of its own that gives up pods in proportion: a victim that
        // we chose of one version would cost a busy worker of the other.
        guard !fleet.isRollingOut else {
            decision.reasons.append(.rollingOut(target: target))
            return
        }
        // Beyond the number that is set there may be workers on their way out, just after a patch. They go first again,
        // and do not count once more.
        let extra = max(0, live - fleet.replicas)
        let victims = fleet.victims(surplus - uncreated + extra)
        let exposed = fleet.workers.filter { $0.isBusyButNotReady }
        let leaving = victims.filter { $0.isPending || ($0.isRemovable && exposed.isEmpty) }
        let replicas = fleet.replicas - uncreated - max(0, leaving.count - extra)
        decision.replicas = replicas
        decision.draining = victims.map(\.id)
        decision.leaving = leaving.map(\.id)
        guard replicas > target else { return }
        if fleet.busy > target { decision.reasons.append(.busy(fleet.busy, target: target)) }
        decision.reasons.append(
            exposed.isEmpty
                ? .draining(replicas - target, target: target) : .busyNotReady(exposed.map(\.id)))
    }
}

extension Fleet {
    /// The `count` live workers whose going costs least, in the order in which they should go: pending, coming up, idle
    /// (already draining first), busy with the least progress, and last those that have not reported.
    ///
    /// A ReplicaSet removes pending and unready pods before it looks at their deletion cost, so they come first here too.
    public func victims(_ count: Int) -> [Replica] {
        guard count > 0 else { return [] }
        let ordered = workers.enumerated().filter(\.element.isLive).sorted { left, right in
            let (a, b) = (left.element.removalRank, right.element.removalRank)
            // Of equals the newer goes, which has warmed up least.
            return a == b ? left.offset > right.offset : a < b
        }
        return ordered.prefix(count).map(\.element)
    }
}

extension Replica {
    /// A ReplicaSet would remove it first although it holds a job.
    fileprivate var isBusyButNotReady: Bool {
        guard isBusy else { return false }
        if case .starting = phase { return true }
        return false
    }

    /// What is lost by its removal, as a number to sort by.
    fileprivate var removalRank: Double {
        switch (activity, phase) {
        case (.unknown, _): return 1000
        case (.busy(let progress), _):
            let share = progress.isFinite ? min(max(progress, 0), 1) : 1
            // A little in favour of whoever drains already, so that marks do not wander with progress.
            return 100 + share * 100 - (draining ? 50 : 0)
        case (.idle, .pending): return 0
        case (.idle, .starting): return draining ? 1 : 2
        case (.idle, _): return draining ? 3 : 4
        }
    }
}

extension Decision {
    /// A decision that leaves everything as it is.
    init(replicas: Int? = nil, draining: [String]? = nil, reasons: [Reason], history: History) {
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
