import Foundation
import Logging
import Policy
import ServiceContract

/// What a loop does with its decisions, whatever they were taken on: sets the number of replicas of its target, and tells of it in
/// the log, in Events and in the metrics. It also notices when somebody else sets that number.
struct Resizer {
    let target: any ScaleTarget
    let status: ControllerStatus
    let eventWindow: Duration
    let logger: Logger

    private var changes: ChangeMerger
    private var troubles = TroubleWatch()
    private var foreign = ForeignChanges()
    /// The last change that was made.
    private(set) var lastChange: AutoscalerRecord.Change?
    /// Why the number could not be changed last.
    private var failure: String?

    init(target: any ScaleTarget, status: ControllerStatus, eventWindow: Duration, logger: Logger) {
        self.target = target
        self.status = status
        self.eventWindow = eventWindow
        self.logger = logger
        changes = ChangeMerger(window: eventWindow)
    }

    /// What an earlier time of leading has left is out of date.
    mutating func begin() {
        changes = ChangeMerger(window: eventWindow)
        troubles = TroubleWatch()
        foreign = ForeignChanges()
        failure = nil
    }

    /// Takes in the number that was found.
    mutating func observe(_ state: TargetState, at now: Moment) {
        foreign.observe(state.replicas, identity: state.identity, at: now)
    }

    /// How much longer the number is left to somebody else; `nil` when it is ours to set.
    func rest(at now: Moment) -> Duration? { foreign.rest(at: now) }

    /// The number is as it should be.
    mutating func nothingToDo() { failure = nil }

    /// Sets the number of replicas.
    ///
    /// - Parameter details: what else the log is to say of a change.
    mutating func resize(
        _ state: TargetState, to replicas: Int, _ decision: Decision, at now: Moment, _ details: Logger.Metadata
    ) async {
        foreign.setting(replicas)
        do {
            try await target.resize(state, to: replicas, leaving: decision.leaving)
        } catch {
            if Task.isCancelled { return }
            await noteFailure("\(error)", from: state.replicas, to: replicas)
            return
        }
        failure = nil
        let isGrowth = replicas > state.replicas
        let why = decision.explanation(ofGrowth: isGrowth)
        logger.info(
            isGrowth ? "scaled up" : "scaled down",
            metadata: [
                "target": "\(target.name)", "from": .stringConvertible(state.replicas),
                "to": .stringConvertible(replicas), "wanted": .stringConvertible(decision.target ?? replicas),
                "reasons": .array(decision.reasons.map { .string($0.code) }), "why": "\(decision.explanation)",
                "leaving": .array(decision.leaving.map { .string($0) }),
            ].merging(details) { $1 })
        status.change {
            if isGrowth { $0.scaledUp += 1 } else { $0.scaledDown += 1 }
        }
        lastChange = .init(from: state.replicas, to: replicas, at: Date(), why: why)
        let announcements = changes.changed(from: state.replicas, to: replicas, why: why, at: now)
        for announcement in announcements { await announce(announcement) }
    }

    private mutating func noteFailure(_ sentence: String, from: Int, to: Int) async {
        status.change { $0.failures["target", default: 0] += 1 }
        guard sentence != failure else { return }
        failure = sentence
        logger.warning(
            "the number of replicas cannot be changed: \(sentence)",
            metadata: ["target": "\(target.name)", "from": "\(from)", "to": "\(to)"])
        await announce(Announcement(isWarning: true, reason: "CannotScale", note: "from \(from) to \(to): \(sentence)"))
    }

    // MARK: - Telling

    /// Tells what went wrong and what is well again, and returns the codes of what is wrong.
    mutating func report(_ decision: Decision, at now: Moment) async -> Set<String> {
        logger.debug(
            "decided",
            metadata: [
                "target": "\(target.name)", "replicas": "\(decision.replicas ?? -1)", "why": "\(decision.explanation)",
            ])
        let (began, ended, announcements) = troubles.note(decision.reasons, at: now)
        for trouble in began {
            logger.warning("\(trouble)", metadata: ["target": "\(target.name)", "reason": "\(trouble.code)"])
        }
        for code in ended { logger.info("well again", metadata: ["target": "\(target.name)", "reason": "\(code)"]) }
        for announcement in announcements { await announce(announcement) }
        return failure == nil ? troubles.present : troubles.present.union(["cannot-scale"])
    }

    /// Why the number could not be changed, as a reason among those of the record.
    var failureReason: [AutoscalerRecord.Reason] {
        failure.map { [.init(code: "cannot-scale", sentence: "cannot scale: \($0)")] } ?? []
    }

    /// Announces what was kept back for a while.
    mutating func tellWhatIsDue(at now: Moment) async {
        for announcement in changes.due(at: now) { await announce(announcement) }
    }

    /// What has not been announced yet.
    mutating func unannounced(at now: Moment) -> [Announcement] { changes.flush(at: now) }

    private func announce(_ announcement: Announcement) async {
        do { try await target.announce(announcement) } catch {
            logger.debug("an announcement was lost: \(error)", metadata: ["note": "\(announcement.note)"])
        }
    }
}
