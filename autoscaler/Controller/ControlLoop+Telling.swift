import Foundation
import Jobs
import Logging
import Policy
import ServiceContract

extension ControlLoop {
    /// Tells what went wrong and what is well again.
    mutating func note(_ decision: Decision, _ look: Look) async {
        logger.debug("decided", metadata: ["replicas": "\(decision.replicas ?? -1)", "why": "\(decision.explanation)"])
        let (began, ended, announcements) = troubles.note(decision.reasons, at: now)
        for trouble in began {
            logger.warning("\(trouble)", metadata: ["target": "\(target.name)", "reason": "\(trouble.code)"])
        }
        for code in ended { logger.info("well again", metadata: ["target": "\(target.name)", "reason": "\(code)"]) }
        for announcement in announcements { await announce(announcement) }
        let present = failure == nil ? troubles.present : troubles.present.union(["cannot-scale"])
        status.change {
            $0.lastDecision = Date()
            $0.decisions += 1
            $0.jobs = look.jobs
            $0.fleet = look.observation.fleet.value
            $0.target = decision.target
            $0.ceiling = $0.fleet.flatMap { look.observation.memory.value?.ceiling(for: $0) }
            $0.isPaused = look.jobs?.board.control.isPaused ?? false
            $0.override = look.jobs?.board.control.override
            $0.troubles = present
        }
    }

    func publish(_ decision: Decision, _ look: Look) async {
        guard let jobs = look.jobs else { return }
        // The last change may have been made by another leader.
        let last = [lastChange, jobs.board.record?.lastChange].compactMap(\.self).max { $0.at < $1.at }
        var record = AutoscalerRecord(
            decision, look.observation, audioSeconds: jobs.audioSeconds, policy.settings, lastChange: last,
            leader: leadership.identity)
        if let failure { record.reasons.append(.init(code: "cannot-scale", sentence: "cannot scale: \(failure)")) }
        do { try await board.publish(record) } catch {
            logger.debug("the record cannot be published: \(error)")
        }
    }

    func announce(_ announcement: Announcement) async {
        do { try await target.announce(announcement) } catch {
            logger.debug("an announcement was lost: \(error)", metadata: ["note": "\(announcement.note)"])
        }
    }
}
