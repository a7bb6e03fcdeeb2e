import Policy

/// One simulated worker pod.
struct Pod {
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
    func worker(at now: Double) -> Worker {
        let phase: Worker.Phase =
            switch state {
            case .pending: .pending(.seconds(now - created))
            case .starting: .starting(.seconds(now - (placed ?? now)))
            case .ready: .ready
            case .terminating: .terminating
            }
        let activity: Worker.Activity =
            work.map { .busy(progress: min(1, (now - $0.began) / max($0.ends - $0.began, 1e-9))) } ?? .idle
        return Worker(id: name, phase: phase, activity: activity, draining: draining)
    }

    /// Whom a ReplicaSet removes first: unplaced, unready, low deletion cost, ready for a shorter time, newer.
    static func goesBefore(_ left: Pod, _ right: Pod) -> Bool {
        func rank(_ pod: Pod) -> Int {
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
