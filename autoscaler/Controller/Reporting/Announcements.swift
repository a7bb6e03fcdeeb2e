import Foundation
import Policy

/// Something that people should hear of: on Kubernetes an Event on the Deployment.
public struct Announcement: Sendable, Equatable {
    /// Somebody should look, as opposed to business as usual.
    public var isWarning: Bool
    /// Why, one word: `ScaledUp`.
    public var reason: String
    /// The sentence.
    public var note: String

    /// An announcement.
    public init(isWarning: Bool = false, reason: String, note: String) {
        self.isWarning = isWarning
        self.reason = reason
        self.note = note
    }
}

/// Turns changes of the number of replicas into few announcements: a change after a quiet time is told at once, those that
/// follow in the same direction are told together at the end of a window.
package struct ChangeMerger: Sendable, Equatable {
    private struct Run: Sendable, Equatable {
        var from: Int
        var to: Int
        var steps: Int
        var why: String
        var since: Moment
    }

    let window: Duration
    private var pending: Run?
    private var last: (isUp: Bool, at: Moment)?

    package init(window: Duration) { self.window = window }

    package static func == (left: ChangeMerger, right: ChangeMerger) -> Bool {
        left.window == right.window && left.pending == right.pending && left.last?.at == right.last?.at
    }

    /// Takes in a change.
    package mutating func changed(from: Int, to: Int, why: String, at now: Moment) -> [Announcement] {
        let isUp = to > from
        var told: [Announcement] = []
        if let last, last.isUp == isUp, pending != nil || last.at.duration(to: now) < window {
            var run = pending ?? Run(from: from, to: to, steps: 0, why: why, since: now)
            (run.to, run.why, run.steps) = (to, why, run.steps + 1)
            pending = run
            return []
        }
        told += flush(at: now)
        last = (isUp, now)
        told.append(Self.announcement(Run(from: from, to: to, steps: 1, why: why, since: now)))
        return told
    }

    /// What is to be told by now.
    package mutating func due(at now: Moment) -> [Announcement] {
        guard let pending, pending.since.duration(to: now) >= window else { return [] }
        return flush(at: now)
    }

    /// Everything that has not been told.
    package mutating func flush(at now: Moment) -> [Announcement] {
        guard let run = pending else { return [] }
        pending = nil
        last = (run.to > run.from, now)
        return [Self.announcement(run)]
    }

    private static func announcement(_ run: Run) -> Announcement {
        let steps = run.steps > 1 ? " in \(run.steps) steps" : ""
        return Announcement(
            reason: run.to > run.from ? "ScaledUp" : "ScaledDown",
            note: "Scaled from \(run.from) to \(run.to)\(steps): \(run.why)")
    }
}

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
        case .memoryCapped, .quotaCapped, .memoryUnknown, .refused, .pending, .notStarting, .killedForMemory,
            .busyNotReady, .backlogUnknown, .loadUnknown, .fleetUnknown, .yielding:
            true
        case .noJobs, .demandByJobs, .demandByAudio, .working, .spare, .rising, .firstJob, .atMinimum, .atMaximum,
            .growthLimited, .growthPaused, .load, .burst, .afterBurst, .silent, .noneReady,
            .watching, .stabilising, .keepingLast, .idle, .neverWanted, .growthHeld, .rollingOut, .busy, .draining,
            .paused, .override:
            false
        }
    }

    /// The code as Events have it: `MemoryCapped`.
    var eventReason: String { code.split(separator: "-").map(\.capitalized).joined() }
}
