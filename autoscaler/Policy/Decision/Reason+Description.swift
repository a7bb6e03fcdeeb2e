extension Reason: CustomStringConvertible {
    /// The reason in words.
    public var description: String {
        switch self {
        case .noJobs:
            "no jobs"
        case .demandByJobs(let waiting, let inFlight, let perWorker, let workers):
            "\(waiting) waiting and \(inFlight) in flight, \(perWorker) a worker: \(counted(workers, "worker"))"
        case .demandByAudio(let audio, let factor, let wait, let workers):
            "\(Duration.seconds(audio).words) of audio at real-time factor \(decimal(factor, digits: 2))"
                + " within \(wait.words): \(counted(workers, "worker"))"
        case .working(let busy):
            "\(counted(busy, "worker")) busy"
        case .firstJob:
            "from zero: a job has come"
        case .atMinimum(let minimum):
            "minimum \(minimum)"
        case .atMaximum(let maximum, let wanted):
            "capped: maximum \(maximum) of \(wanted)"
        case .growthLimited(let limit, let wanted, let period):
            "growing to \(limit) of \(wanted): no faster in \(period.words)"
        case .watching(let left):
            "not shrinking: watching for \(left.words) more"
        case .stabilising(let replicas, let left):
            "\(counted(replicas, "worker")) wanted lately: kept for \(left.words) more"
        case .keepingLast(let left):
            "keeping the last worker for \(left.words) more"
        case .idle(let window):
            "no work for \(window.words)"
        case .memoryCapped(let ceiling, let wanted):
            "capped: memory \(ceiling) of \(wanted)"
        case .memoryUnknown(let why):
            "not growing: memory cannot be read (\(why))"
        case .pending(let workers):
            "not growing: \(list(workers)) found no place"
        case .notStarting(let workers):
            "not growing: \(list(workers)) \(workers.count == 1 ? "does" : "do") not come up"
        case .killedForMemory(let workers):
            "not growing: \(list(workers)) \(workers.count == 1 ? "was" : "were") killed for memory"
        case .busy(let busy, let target):
            "\(counted(busy, "worker")) busy: not shrinking to \(target) yet"
        case .draining(let workers, let target):
            "\(counted(workers, "worker")) draining before shrinking to \(target)"
        case .busyNotReady(let workers):
            "not shrinking: \(list(workers)) \(workers.count == 1 ? "is" : "are") busy but not ready, and would go first"
        case .backlogUnknown(let why):
            "holding: the jobs cannot be read (\(why))"
        case .fleetUnknown(let why):
            "holding: the workers cannot be read (\(why))"
        case .paused:
            "paused by the operator"
        case .override(let replicas):
            "set to \(replicas) by the operator"
        }
    }

    /// The first three names, and how many more there are.
    private func list(_ names: [String]) -> String {
        let shown = names.prefix(3).joined(separator: ", ")
        return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
    }
}
