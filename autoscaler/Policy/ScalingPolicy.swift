/// How many workers there should be, as a pure function: no input or output, no clock, no state of its own.
///
/// ```swift
/// let policy = try ScalingPolicy(Settings())
/// var history = History()
/// let decision = policy.decide(observation, history: history, now: now)
/// history = decision.history
/// ```
///
/// This file reads like the decision, from the first rule to the last. An example with the default settings: 3 workers are
/// up, all busy, and 9 jobs wait.
///
/// | step | rule | says |
/// |---|---|---|
/// | 1 | ``demand(_:)``: 12 unfinished jobs, so many a worker | "9 waiting and 3 in flight, 2 a worker: 6 workers" |
/// | 2 | ``bounded(_:_:)`` | nothing: 6 is within 0 and 20 |
/// | 3 | ``grown(to:_:_:)``: at most 10 more, or double, in 15 s | nothing: 6 is within 13 |
/// | 4 | ``withoutGrowthInTrouble(_:_:_:)`` | nothing: nobody is in trouble |
/// | 5 | ``withinMemory(_:_:_:_:)``: the quota has room for 2 more | "capped: memory 5 of 6" |
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

extension ScalingPolicy {
    /// What the jobs ask for, within the bounds; also recorded in the decision's history.
    func recommend(_ backlog: Backlog, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision) {
        let (demand, reason) = demand(backlog)
        decision.reasons.append(reason)
        if demand > 0, fleet.replicas == 0 { decision.reasons.append(.firstJob) }
        // Jobs shared out several to a worker would, on a steady load, ask for fewer workers than are kept busy; the
        // fleet would swing. So the busy are part of what is asked for, and of what the window remembers.
        if fleet.busy > demand { decision.reasons.append(.working(fleet.busy)) }
        let recommendation = bounded(max(demand, fleet.busy), &decision.reasons)
        decision.recommendation = recommendation
        decision.history.record(
            recommendation: recommendation, replicas: fleet.replicas, hasWork: demand > 0 || fleet.busy > 0, at: now,
            settings)
    }

    /// The larger of the demand by jobs and by audio; never more workers than jobs.
    private func demand(_ backlog: Backlog) -> (Int, Reason) {
        let jobs = backlog.jobs
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
                waiting: max(0, backlog.waiting), inFlight: max(0, backlog.inFlight), perWorker: perWorker,
                workers: byJobs)
        )
    }

    /// `wanted` within the minimum and the maximum.
    func bounded(_ wanted: Int, _ reasons: inout [Reason]) -> Int {
        if wanted < settings.minReplicas {
            reasons.append(.atMinimum(settings.minReplicas))
            return settings.minReplicas
        }
        if wanted > settings.maxReplicas {
            reasons.append(.atMaximum(settings.maxReplicas, wanted: wanted))
            return settings.maxReplicas
        }
        return wanted
    }
}

extension ScalingPolicy {
    /// No growth beyond the minimum while workers find no place, do not come up, or were just killed for memory.
    func withoutGrowthInTrouble(_ target: Int, _ fleet: Fleet, _ reasons: inout [Reason]) -> Int {
        guard target > fleet.replicas else { return target }
        let live = fleet.workers.filter(\.isLive)
        let pending = live.filter {
            if case .pending(let age) = $0.phase { age >= settings.pendingGrace } else { false }
        }
        let slow = live.filter { if case .starting(let age) = $0.phase { age >= settings.startGrace } else { false } }
        let killed = live.filter { $0.killedForMemory.map { $0 < settings.memoryKillPause } ?? false }
        if !pending.isEmpty { reasons.append(.pending(pending.map(\.id))) }
        if !killed.isEmpty { reasons.append(.killedForMemory(killed.map(\.id))) }
        if !slow.isEmpty { reasons.append(.notStarting(slow.map(\.id))) }
        guard !(pending.isEmpty && slow.isEmpty && killed.isEmpty) else { return target }
        return min(target, max(fleet.replicas, settings.minReplicas))
    }

    /// Never more than memory allows; no growth while it cannot be read.
    func withinMemory(_ target: Int, _ fleet: Fleet, _ memory: Reading<MemoryRoom>, _ reasons: inout [Reason]) -> Int {
        switch memory {
        case .unknown(let why):
            guard target > fleet.replicas else { return target }
            reasons.append(.memoryUnknown(why))
            return fleet.replicas
        case .known(let room):
            guard let ceiling = room.ceiling(for: fleet), ceiling < target else { return target }
            reasons.append(.memoryCapped(at: ceiling, wanted: target))
            return ceiling
        }
    }
}

extension ScalingPolicy {
    /// Picks who goes when the fleet shrinks to `target`, and lowers `replicas` only by those that can go now.
    func release(_ fleet: Fleet, to target: Int, _ decision: inout Decision) {
        let live = fleet.workers.count(where: \.isLive)
        // Just after a patch there may still be more workers than replicas: those are on their way out.
        let present = max(fleet.replicas, live)
        let surplus = present - target
        guard surplus > 0 else {
            decision.replicas = target
            decision.draining = []
            return
        }
        // Replicas that were never created go first and disturb no one.
        let uncreated = present - live
        let victims = fleet.victims(surplus - min(surplus, uncreated))
        let exposed = fleet.workers.filter { $0.isBusyButNotReady }
        let leaving = victims.filter { $0.isPending || ($0.isRemovable && exposed.isEmpty) }
        let replicas = present - min(surplus, uncreated) - leaving.count
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
    var isBusyButNotReady: Bool {
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
