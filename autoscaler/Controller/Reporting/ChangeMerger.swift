import Policy

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
