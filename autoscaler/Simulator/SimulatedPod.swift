import Policy

/// One simulated worker pod.
struct SimulatedPod {
    enum State: Equatable {
        case pending
        case starting
        case ready
        case terminating
    }

    /// A job under way.
    struct Work {
        var job: Int
        var began: Double
        var ends: Double
    }

    var id: Int
    var name: String
    var created: Double
    var state: State = .pending
    /// When it got its place, and so began to cost.
    var placed: Double?
    /// When it became ready.
    var ready: Double?
    var work: Work?
    /// Counts its jobs, so that the end of an interrupted one is not mistaken for the end of a later one.
    var run = 0
    var draining = false
    var hasLowCost = false

    var isLive: Bool { state != .terminating }
    var canClaim: Bool { state == .ready && work == nil && !draining }

    /// How the policy sees it.
    func worker(at now: Double) -> Replica {
        let phase: Replica.Phase =
            switch state {
            case .pending: .pending(.seconds(now - created))
            case .starting: .starting(.seconds(now - (placed ?? now)))
            case .ready: .ready
            case .terminating: .terminating
            }
        let activity: Replica.Activity =
            work.map { .busy(progress: min(1, (now - $0.began) / max($0.ends - $0.began, 1e-9))) } ?? .idle
        return Replica(id: name, phase: phase, activity: activity, draining: draining)
    }

    /// Whom a ReplicaSet removes first: unplaced, unready, low deletion cost, ready for a shorter time, newer.
    static func goesBefore(_ left: SimulatedPod, _ right: SimulatedPod) -> Bool {
        func rank(_ pod: SimulatedPod) -> Int {
            switch pod.state {
            case .pending: 0
            case .starting: 1
            case .ready, .terminating: pod.hasLowCost ? 2 : 3
            }
        }
        if rank(left) != rank(right) { return rank(left) < rank(right) }
        let (a, b) = (left.ready ?? left.created, right.ready ?? right.created)
        return a == b ? left.id > right.id : a > b
    }
}

/// The waiting jobs, oldest first.
struct JobLine {
    private var jobs: [Int] = []
    private var first = 0

    var count: Int { jobs.count - first }

    mutating func append(_ job: Int) { jobs.append(job) }

    /// Puts a job back to the front.
    mutating func putBack(_ job: Int) {
        if first > 0 {
            first -= 1
            jobs[first] = job
        } else {
            jobs.insert(job, at: 0)
        }
    }

    mutating func removeFirst() -> Int? {
        guard first < jobs.count else { return nil }
        defer {
            first += 1
            if first > 4096, first * 2 > jobs.count {
                jobs.removeFirst(first)
                first = 0
            }
        }
        return jobs[first]
    }
}

/// What finished jobs have shown, the latest counting most.
struct Measured {
    private var work = 0.0
    private var audio = 0.0
    private var jobs = 0.0

    mutating func add(work: Double, audio: Double) {
        self.work = self.work * 0.98 + work
        self.audio = self.audio * 0.98 + audio
        jobs = jobs * 0.98 + 1
    }

    /// Seconds of work for one second of audio; nil before the first job.
    var realTimeFactor: Double? { audio > 0 ? work / audio : nil }

    /// Seconds of audio of a job; nil before the first.
    var meanAudio: Double? { jobs > 0 ? audio / jobs : nil }
}
