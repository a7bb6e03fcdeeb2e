import HTTPTransport

/// Which events are on their way to a target, which wait for another try, and which come next.
///
/// ```
///            taken 2xx ──────────────────────────▶ gone
///           ╱
///   fresh ─▶ under way ◀──pause over── failing ──last try──▶ set aside
///           ╲ refused: growing pauses ──▶ ╱
///            ╲ nobody there: the same, but tried for ever
/// ```
/// Events of one object go one after the other; no other event waits for a failing one. It is pure: names and times in,
/// decisions out, and it holds no more than ``window`` failing and ``batch`` fresh names.
package struct DeliverySchedule {
    /// How a try ended.
    package enum Outcome: Equatable {
        case taken
        /// The target's answer, or what went wrong with it.
        case refused(String)
        /// The target cannot be reached, which says nothing of the event.
        case nobodyThere(String)
    }

    /// What is to be done with an event after a try.
    package enum Verdict: Equatable {
        case remove
        case later
        /// After so many tries. `othersWereTaken` tells whether the target took other events meanwhile; if not, it may have been
        /// the target's fault.
        case setAside(tries: Int, problem: String, othersWereTaken: Bool)
    }

    private struct Failing {
        var tries = 0
        var refusals = 0
        var first: ContinuousClock.Instant
        var notBefore: ContinuousClock.Instant
        var problem: String
    }

    /// The most events that may fail at a time before no fresh one is tried any more.
    package static let window = 256
    /// The most fresh names that are held.
    static let batch = 1000
    /// How many events are under way at most.
    let concurrency: Int
    let retry: RetryPolicy

    private var fresh: ArraySlice<EventName> = []
    private var underWay: [EventName: ContinuousClock.Instant] = [:]
    private var failing: [EventName: Failing] = [:]
    private var lastTaken: ContinuousClock.Instant?

    package init(concurrency: Int, retry: RetryPolicy) {
        self.concurrency = concurrency
        self.retry = retry
    }

    /// Whether names that wait on the disk are wanted.
    package var wantsNames: Bool { fresh.isEmpty && failing.count < Self.window }

    /// Gives names from the disk, oldest first.
    package mutating func offer(_ names: [EventName]) {
        fresh = names.filter { underWay[$0] == nil && failing[$0] == nil }.prefix(Self.batch)
    }

    /// The events to send now.
    package mutating func start(now: ContinuousClock.Instant) -> [EventName] {
        var started: [EventName] = []
        var busy = Set(underWay.keys.map(\.object))
        func hasRoom() -> Bool { underWay.count < concurrency }
        for (name, entry) in failing.sorted(by: { $0.key < $1.key }) where hasRoom() {
            if underWay[name] == nil, entry.notBefore <= now, !busy.contains(name.object) {
                underWay[name] = now
                started.append(name)
            }
            // Later events of the object wait for this one.
            busy.insert(name.object)
        }
        busy.formUnion(failing.keys.map(\.object))
        var held: [EventName] = []
        while hasRoom(), failing.count < Self.window, let name = fresh.popFirst() {
            guard busy.insert(name.object).inserted else {
                held.append(name)
                continue
            }
            underWay[name] = now
            started.append(name)
        }
        fresh = (held + fresh)[...]
        return started
    }

    /// When the next failing event may be tried.
    package var wakes: ContinuousClock.Instant? {
        failing.filter { underWay[$0.key] == nil }.map(\.value.notBefore).min()
    }

    /// Takes in how a try ended.
    package mutating func finish(_ name: EventName, _ outcome: Outcome, now: ContinuousClock.Instant) -> Verdict {
        let begun = underWay.removeValue(forKey: name) ?? now
        let problem: String
        switch outcome {
        case .taken:
            failing[name] = nil
            lastTaken = now
            return .remove
        case .refused(let reason), .nobodyThere(let reason): problem = reason
        }
        var entry = failing[name] ?? Failing(first: begun, notBefore: now, problem: problem)
        entry.tries += 1
        if case .refused = outcome { entry.refusals += 1 }
        entry.problem = problem
        entry.notBefore = now + retry.delay(after: entry.tries)
        failing[name] = entry
        guard entry.refusals >= retry.attempts else { return .later }
        failing[name] = nil
        let othersWereTaken = lastTaken.map { $0 > entry.first } ?? false
        return .setAside(tries: entry.tries, problem: problem, othersWereTaken: othersWereTaken)
    }

    /// An event that could not even be moved aside comes again much later.
    package mutating func postpone(_ name: EventName, _ problem: String, now: ContinuousClock.Instant) {
        failing[name] = Failing(first: now, notBefore: now + .seconds(3600), problem: problem)
    }

    /// How many events fail, since when, and why the oldest does; `nil` when none does.
    package func trouble(now: ContinuousClock.Instant) -> (count: Int, since: Duration, problem: String)? {
        failing.values.min { $0.first < $1.first }.map { (failing.count, now - $0.first, $0.problem) }
    }
}
