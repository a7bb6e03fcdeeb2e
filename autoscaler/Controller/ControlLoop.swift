import Foundation
import Jobs
import Logging
import Pacing
import Policy
import ServiceContract

/// The rounds of a controller, one after the other, and what is remembered between them.
///
/// A round reads Redis and the target (`observe`), lets the policy decide, sets and withdraws drain marks (`mark`), asks that
/// busy workers are not moved (`protect`), sets the number of replicas (`resize`), and tells everybody (`report`, `publish`).
/// The order matters: whoever is to go is marked first, and the number is only lowered, a round or more later, by those who
/// have said that they claim no more.
struct ControlLoop {
    /// How long a reading may take.
    static let patience = Duration.seconds(10)
    /// After so many seconds without a word from a leader another controller says why, if it knows.
    static let silence = 5.0

    let policy: ScalingPolicy
    let reader: JobsReader
    let board: RedisAutoscalerBoard
    let target: any ScaleTarget
    let leadership: any Leadership
    let options: ControllerOptions
    let status: ControllerStatus
    let logger: Logger

    let start = ContinuousClock.now
    var isLeading = false
    var history = History()
    var ledger = DrainLedger()
    var resizer: Resizer
    /// Why busy workers could not be protected last.
    var protectionFailure: String?

    init(
        policy: ScalingPolicy, reader: JobsReader, board: RedisAutoscalerBoard, target: any ScaleTarget,
        leadership: any Leadership, options: ControllerOptions, status: ControllerStatus, logger: Logger
    ) {
        self.policy = policy
        self.reader = reader
        self.board = board
        self.target = target
        self.leadership = leadership
        self.options = options
        self.status = status
        self.logger = logger
        resizer = Resizer(target: target, status: status, eventWindow: options.eventWindow, logger: logger)
        status.change { $0.settings = policy.settings }
    }

    var now: Moment { Moment(ContinuousClock.now - start) }

    /// Looks, decides and acts, if this controller leads.
    mutating func round() async {
        let leads = await leadership.isLeading()
        status.change { ($0.lastRound, $0.isLeading) = (ContinuousClock.now, leads) }
        if leads != isLeading { begin(leading: leads) }
        guard leads, !Task.isCancelled else {
            await tellWhyNobodyLeads()
            return
        }

        let reading = await observe()
        let decision = policy.decide(reading.observation, history: history, now: now)
        history = decision.history
        guard await leadership.isLeading() else { return }
        await mark(decision, reading)
        await protect(reading)
        await resize(decision, reading)
        await report(decision, reading)
        await publish(decision, reading)
        await resizer.tellWhatIsDue(at: now)
    }

    /// What an earlier time of leading has left is out of date.
    private mutating func begin(leading: Bool) {
        isLeading = leading
        history = History()
        ledger = DrainLedger()
        resizer.begin()
    }

    /// What has not been announced yet, at the end.
    mutating func unannounced() -> [Announcement] { isLeading ? resizer.unannounced(at: now) : [] }
}

extension ControlLoop {
    /// What one round has read.
    struct RoundReading {
        var observation: Observation
        var jobs: JobsReading?
        var state: TargetState?
    }

    mutating func observe() async -> RoundReading {
        async let jobsRead = read("Redis") { [reader] in try await reader.read() }
        async let stateRead = read(target.name) { [target] in try await target.observe() }
        let (jobs, state) = await (jobsRead, stateRead)
        var memory = Reading<Headroom>.unknown("The workers cannot be read.")
        var fleet = Reading<Fleet>.unknown(state.failure)
        if let state = state.value {
            ledger.note(state, jobs.value, at: now)
            resizer.observe(state, at: now)
            fleet = .known(
                Fleet(state, jobs.value, ledger, patience: options.heartbeatTimeout / .seconds(1)))
            let room = await read(target.name) { [target] in try await target.headroom(for: state) }
            memory = room.value.map { .known($0) } ?? .unknown(room.failure)
        }
        status.change {
            if jobs.value == nil { $0.failures["redis", default: 0] += 1 }
            if state.value == nil { $0.failures["target", default: 0] += 1 }
        }
        return RoundReading(
            observation: Observation(
                backlog: jobs.value.map { .known($0.backlog) } ?? .unknown(jobs.failure), fleet: fleet,
                headroom: memory,
                control: control(jobs.value, state.value)),
            jobs: jobs.value, state: state.value)
    }

    /// What the operator asks for goes before what somebody else has set, and that before the policy.
    private func control(_ jobs: JobsReading?, _ state: TargetState?) -> Control {
        let control = jobs?.control ?? .automatic
        guard control == .automatic, let state, let rest = resizer.rest(at: now) else { return control }
        return .yielding(to: state.replicas, for: rest)
    }

    private func read<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> { await reading(what, within: Self.patience, body) }
}

/// What came of reading something that may not answer.
package func reading<Value: Sendable>(
    _ what: String, within limit: Duration, _ body: @escaping @Sendable () async throws -> Value
) async -> Result<Value, any Error> {
    do { return .success(try await withTimeLimit(limit, for: what, body)) } catch { return .failure(error) }
}

extension Result where Failure == any Error {
    package var value: Success? { try? get() }

    package var failure: String {
        if case .failure(let error) = self { "\(error)" } else { "" }
    }
}

extension ControlLoop {
    /// Sets and withdraws drain marks.
    func mark(_ decision: Decision, _ reading: RoundReading) async {
        guard let draining = decision.draining, let jobs = reading.jobs, let state = reading.state else { return }
        let plan = MarkPlan(draining: draining, state, jobs, leaving: ledger.leaving)
        do {
            for worker in plan.set { try await board.requestDrain(worker, by: .autoscaler) }
            for (worker, origin) in plan.withdrawn { try await board.withdrawDrain(worker, by: origin) }
        } catch {
            logger.warning("drain marks cannot be set: \(error)")
        }
    }

    /// Asks that nobody moves the busy. It is no condition for anything else.
    mutating func protect(_ reading: RoundReading) async {
        guard options.protectsBusy, let fleet = reading.observation.fleet.value else { return }
        let busy = Set(fleet.workers.filter { $0.isLive && $0.isBusy }.map(\.id))
        do {
            try await target.protect(busy)
            protectionFailure = nil
        } catch {
            if protectionFailure == nil {
                logger.warning("busy workers cannot be protected from being moved: \(error)")
            }
            protectionFailure = "\(error)"
        }
    }

    /// Sets the number of replicas where it is not what was decided.
    mutating func resize(_ decision: Decision, _ reading: RoundReading) async {
        guard let state = reading.state, let replicas = decision.replicas, replicas != state.replicas,
            await leadership.isLeading(), !Task.isCancelled
        else { return resizer.nothingToDo() }
        // Even when the call fails, it may have been heard.
        ledger.left(decision.leaving, at: now)
        let backlog = reading.observation.backlog.value
        await resizer.resize(
            state, to: replicas, decision, at: now,
            [
                "waiting": .stringConvertible(backlog?.waiting ?? 0),
                "in-flight": .stringConvertible(backlog?.inFlight ?? 0),
            ])
    }
}

extension ControlLoop {
    /// Tells what went wrong and what is well again.
    mutating func report(_ decision: Decision, _ reading: RoundReading) async {
        let present = await resizer.report(decision, at: now)
        status.change {
            $0.lastDecision = Date()
            $0.decisions += 1
            $0.jobs = reading.jobs
            $0.fleet = reading.observation.fleet.value
            $0.target = decision.target
            $0.ceiling = $0.fleet.flatMap { reading.observation.headroom.value?.ceiling(for: $0)?.workers }
            $0.isPaused = reading.jobs?.board.control.isPaused ?? false
            $0.override = reading.jobs?.board.control.override
            $0.troubles = present
        }
    }

    /// While the elections' server does not answer nobody leads, and nobody would say why nothing is decided. Whoever finds
    /// that the last leader is silent says it in its place.
    func tellWhyNobodyLeads() async {
        guard !Task.isCancelled, let obstacle = await leadership.obstacle() else { return }
        guard
            let board = try? await withTimeLimit(Self.patience, for: "Redis", { [board] in try await board.status() }),
            var record = board.record, board.time.timeIntervalSince(record.decidedAt) >= Self.silence
        else { return }
        record.reasons = [
            .init(
                code: "no-leader",
                sentence: "holding: no controller can be elected, so everything stays as it is (\(obstacle))")
        ]
        record.leader = leadership.identity
        do { try await self.board.publish(record) } catch {
            logger.debug("the record cannot be published: \(error)")
        }
    }

    /// Tells everybody who watches what was seen and decided.
    func publish(_ decision: Decision, _ reading: RoundReading) async {
        guard let jobs = reading.jobs else { return }
        // The last change may have been made by another leader.
        let last = [resizer.lastChange, jobs.board.record?.lastChange].compactMap(\.self).max { $0.at < $1.at }
        var record = AutoscalerRecord(
            decision, reading.observation, jobs, policy.settings, lastChange: last,
            leader: leadership.identity)
        record.reasons += resizer.failureReason
        do { try await board.publish(record) } catch {
            logger.debug("the record cannot be published: \(error)")
        }
    }
}

/// Which drain marks to set and which to take back.
package struct MarkPlan: Sendable, Equatable {
    /// The workers to mark, those to go first in front.
    package var set: [String] = []
    /// The workers that may claim again, and those that are gone; with whose mark it is.
    package var withdrawn: [String: DrainOrigin] = [:]

    /// The marks that make `draining` the only workers that drain.
    ///
    /// Workers on their way out keep their marks: between the change of the number and their SIGTERM they must not claim.
    /// An operator's mark is the operator's, until its worker is gone.
    package init(draining: [String], _ state: TargetState, _ jobs: JobsReading, leaving: Set<String>) {
        let ending = state.members.filter { $0.phase == .terminating }.map(\.id)
        let kept = Set(draining).union(leaving).union(ending)
        let present = Set(state.members.map(\.id)).union(jobs.workers.keys)
        set = draining.filter { jobs.board.drains[$0] == nil }
        withdrawn = jobs.board.drains.filter { worker, origin in
            switch origin {
            case .autoscaler: !kept.contains(worker)
            case .operator: !present.contains(worker)
            }
        }
    }
}

extension AutoscalerRecord {
    /// A decision as everybody who watches is told of it.
    init(
        _ decision: Decision, _ observation: Policy.Observation, _ jobs: JobsReading, _ settings: Settings,
        lastChange: Change?, leader: String
    ) {
        let fleet = observation.fleet.value
        let backlog = observation.backlog.value
        let room = observation.headroom.value
        self.init(
            replicas: Replicas(decision, fleet),
            bounds: Bounds(minimum: settings.minReplicas, maximum: settings.maxReplicas),
            reasons: decision.reasons.map { Reason(code: $0.code, sentence: $0.description) },
            observation: Observation(
                waiting: backlog?.waiting, inFlight: backlog?.inFlight, audioSeconds: jobs.audioSeconds,
                realTimeFactor: backlog?.realTimeFactor, memoryPerWorker: room.map { Int($0.request) },
                memoryRoom: fleet.flatMap { room?.ceiling(for: $0)?.workers },
                promisedWait: settings.targetWait / .seconds(1),
                keptShare: jobs.statistics.kept(within: settings.targetWait)),
            lastChange: lastChange, leader: leader)
    }
}

extension AutoscalerRecord.Replicas {
    /// The numbers after a decision on `fleet`.
    init(_ decision: Decision, _ fleet: Fleet?) {
        let pending = fleet?.workers.count { worker in
            switch worker.phase {
            case .pending, .starting: true
            case .ready, .terminating: false
            }
        }
        self.init(
            now: decision.replicas ?? fleet?.replicas, wanted: decision.target, ready: fleet?.ready ?? 0,
            pending: pending ?? 0)
    }
}
