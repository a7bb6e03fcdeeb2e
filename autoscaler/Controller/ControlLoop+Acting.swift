import Foundation
import Jobs
import Logging
import Policy

extension ControlLoop {
    /// Sets and withdraws drain marks.
    func mark(_ decision: Decision, _ look: Look) async {
        guard let draining = decision.draining, let jobs = look.jobs, let state = look.state else { return }
        let plan = MarkPlan(draining: draining, state, jobs, leaving: ledger.leaving)
        do {
            for worker in plan.set { try await board.requestDrain(worker, by: .autoscaler) }
            for (worker, origin) in plan.withdrawn { try await board.withdrawDrain(worker, by: origin) }
        } catch {
            logger.warning("drain marks cannot be set: \(error)")
        }
    }

    mutating func resize(_ decision: Decision, _ look: Look) async {
        guard let state = look.state, let replicas = decision.replicas, replicas != state.replicas,
            await leadership.isLeading(), !Task.isCancelled
        else {
            failure = nil
            return
        }
        // Even when the call fails, it may have been heard.
        ledger.left(decision.leaving, at: now)
        do {
            try await target.resize(state, to: replicas, leaving: decision.leaving)
        } catch {
            if Task.isCancelled { return }
            await noteFailure("\(error)", from: state.replicas, to: replicas)
            return
        }
        failure = nil
        let backlog = look.observation.backlog.value
        logger.info(
            replicas > state.replicas ? "scaled up" : "scaled down",
            metadata: [
                "target": "\(target.name)", "from": .stringConvertible(state.replicas),
                "to": .stringConvertible(replicas), "wanted": .stringConvertible(decision.target ?? replicas),
                "reasons": .array(decision.reasons.map { .string($0.code) }), "why": "\(decision.explanation)",
                "waiting": .stringConvertible(backlog?.waiting ?? 0),
                "in-flight": .stringConvertible(backlog?.inFlight ?? 0),
                "leaving": .array(decision.leaving.map { .string($0) }),
            ])
        status.change {
            if replicas > state.replicas { $0.scaledUp += 1 } else { $0.scaledDown += 1 }
        }
        lastChange = .init(from: state.replicas, to: replicas, at: Date(), why: decision.explanation)
        let announcements = changes.changed(
            from: state.replicas, to: replicas, why: decision.explanation, at: now)
        for announcement in announcements { await announce(announcement) }
    }

    private mutating func noteFailure(_ sentence: String, from: Int, to: Int) async {
        status.change { $0.failures["target", default: 0] += 1 }
        guard sentence != failure else { return }
        failure = sentence
        logger.warning(
            "the number of workers cannot be changed: \(sentence)",
            metadata: ["target": "\(target.name)", "from": "\(from)", "to": "\(to)"])
        await announce(Announcement(isWarning: true, reason: "CannotScale", note: "from \(from) to \(to): \(sentence)"))
    }
}
