import Foundation
import Policy

/// Notices what goes wrong and what is well again, so that each is told once.
package struct TroubleWatch: Sendable, Equatable {
    /// How long the same trouble is not announced again.
    package static let quiet = Duration.seconds(600)

    package private(set) var present: Set<String> = []
    private var announced: [String: Moment] = [:]

    package init() {}

    /// What began and what ended with these reasons, and what is to be announced.
    package mutating func note(_ reasons: [Reason], at now: Moment) -> (
        began: [Reason], ended: [String], announcements: [Announcement]
    ) {
        let troubles = reasons.filter(\.isTrouble)
        let codes = Set(troubles.map(\.code))
        let began = troubles.filter { !present.contains($0.code) }
        let ended = present.subtracting(codes).sorted()
        present = codes
        announced = announced.filter { $0.value.duration(to: now) < Self.quiet }
        var announcements: [Announcement] = []
        for trouble in began where announced[trouble.code] == nil {
            announced[trouble.code] = now
            announcements.append(
                Announcement(isWarning: true, reason: trouble.eventReason, note: trouble.description))
        }
        return (began, ended, announcements)
    }
}

extension Reason {
    /// Somebody should look, or should know why nothing happens.
    var isTrouble: Bool {
        switch self {
        case .memoryCapped, .memoryUnknown, .pending, .notStarting, .killedForMemory, .busyNotReady, .backlogUnknown,
            .fleetUnknown:
            true
        case .noJobs, .demandByJobs, .demandByAudio, .working, .firstJob, .atMinimum, .atMaximum, .growthLimited,
            .watching, .stabilising, .keepingLast, .idle, .busy, .draining, .paused, .override:
            false
        }
    }

    /// The code as Events have it: `MemoryCapped`.
    var eventReason: String { code.split(separator: "-").map(\.capitalized).joined() }
}
