/// Why a decision is what it is: a stable `code` for machines and a `description` in words.
public enum Reason: Sendable, Equatable {
    /// Nothing waits and nothing is in flight.
    case noJobs
    /// So many jobs need so many workers.
    case demandByJobs(waiting: Int, inFlight: Int, perWorker: Int, workers: Int)
    /// So much audio needs so many workers to be done in time.
    case demandByAudio(audio: Double, realTimeFactor: Double, targetWait: Duration, workers: Int)
    /// So many requests in flight, on the mean of a window, need so many pods.
    case load(inFlight: Double, over: Duration, perPod: Double, pods: Int)
    /// Much more than the ready pods are there for, within a short window.
    case burst(inFlight: Double, over: Duration, perPod: Double, pods: Int)
    /// Nothing shrinks for a while after a burst.
    case afterBurst(at: Int, for: Duration)
    /// So many ready pods do not say what they have in flight.
    case silent(Int)
    /// No pod of the function is ready, so nothing is known of its requests.
    case noneReady
    /// The requests in flight cannot be read, so everything stays as it is.
    case loadUnknown(String)
    /// More workers than that hold a job and are kept.
    case working(Int)
    /// The first job has come to an empty fleet.
    case firstJob
    /// So many are kept beyond the demand, for what may come.
    case spare(Int, percent: Int)
    /// So many are kept beyond the demand, because it has just risen.
    case rising(Int, within: Duration)
    /// There are never fewer.
    case atMinimum(Int)
    /// There are never more.
    case atMaximum(Int, wanted: Int)
    /// The fleet grows only so fast.
    case growthLimited(to: Int, wanted: Int, period: Duration)
    /// The fleet has just grown.
    case growthPaused(for: Duration)
    /// A full window has not been watched yet.
    case watching(for: Duration)
    /// So many were wanted within the stabilisation window.
    case stabilising(at: Int, for: Duration)
    /// The last worker stays until there was no work for a while.
    case keepingLast(for: Duration)
    /// There was no work for the whole idle window.
    case idle(Duration)
    /// Memory allows only so many.
    case memoryCapped(at: Int, wanted: Int)
    /// Memory cannot be read, so there is no growth.
    case memoryUnknown(String)
    /// A quota's resource allows only so many.
    case quotaCapped(String, at: Int, wanted: Int)
    /// The cluster refuses to create workers, and says why.
    case refused(String)
    /// Workers found no place, and perhaps why.
    case pending([String], why: String?)
    /// Workers do not come up, and perhaps why.
    case notStarting([String], why: String?)
    /// Workers were killed for memory.
    case killedForMemory([String])
    /// There is no growth while workers are in trouble.
    case growthHeld(at: Int, wanted: Int)
    /// Two versions of the workers live beside each other, so nobody is told to go.
    case rollingOut(target: Int)
    /// So many workers hold a job, and none is interrupted.
    case busy(Int, target: Int)
    /// The workers to go still finish what they have or still acknowledge.
    case draining(Int, target: Int)
    /// A worker that holds a job is not ready, and would be removed first.
    case busyNotReady([String])
    /// The jobs cannot be read, so everything stays as it is.
    case backlogUnknown(String)
    /// The workers cannot be read, so everything stays as it is.
    case fleetUnknown(String)
    /// Somebody else has set the number, and is left to it for a while.
    case yielding(to: Int, for: Duration)
    /// Nobody has asked for these workers: the Deployment was just created.
    case neverWanted
    /// The operator has paused scaling.
    case paused
    /// The operator has set the number.
    case override(Int)
}

extension Reason {
    /// A name that does not change between releases, for logs, metrics and alerts.
    public var code: String {
        switch self {
        case .noJobs: "no-jobs"
        case .demandByJobs: "demand-jobs"
        case .demandByAudio: "demand-audio"
        case .load: "load"
        case .burst: "burst"
        case .afterBurst: "after-burst"
        case .silent: "silent"
        case .noneReady: "none-ready"
        case .loadUnknown: "load-unknown"
        case .working: "working"
        case .firstJob: "first-job"
        case .spare: "spare"
        case .rising: "rising"
        case .atMinimum: "minimum"
        case .atMaximum: "maximum"
        case .growthLimited: "growth-limited"
        case .growthPaused: "growth-paused"
        case .watching: "watching"
        case .stabilising: "stabilising"
        case .keepingLast: "keeping-last"
        case .idle: "idle"
        case .memoryCapped: "memory-capped"
        case .memoryUnknown: "memory-unknown"
        case .quotaCapped: "quota-capped"
        case .refused: "refused"
        case .pending: "pending"
        case .notStarting: "not-starting"
        case .killedForMemory: "killed-for-memory"
        case .growthHeld: "growth-held"
        case .rollingOut: "rolling-out"
        case .busy: "busy"
        case .draining: "draining"
        case .busyNotReady: "busy-not-ready"
        case .backlogUnknown: "backlog-unknown"
        case .fleetUnknown: "fleet-unknown"
        case .yielding: "yielding"
        case .neverWanted: "never-wanted"
        case .paused: "paused"
        case .override: "override"
        }
    }
}

extension Reason {
    /// It says why the fleet has grown, or else why it has shrunk.
    func explains(growth: Bool) -> Bool {
        switch self {
        case .demandByJobs, .demandByAudio, .load, .working, .spare, .atMinimum, .atMaximum, .memoryCapped,
            .quotaCapped,
            .override:
            true
        case .firstJob, .growthLimited, .burst, .rising: growth
        case .noJobs, .stabilising, .keepingLast, .idle, .neverWanted: !growth
        case .growthPaused, .watching, .memoryUnknown, .refused, .pending, .notStarting, .killedForMemory, .growthHeld,
            .rollingOut,
            .busy, .draining, .busyNotReady, .afterBurst, .silent, .noneReady, .loadUnknown, .backlogUnknown,
            .fleetUnknown, .yielding, .paused:
            false
        }
    }
}

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
        case .load(let inFlight, let window, let perPod, let pods):
            requests(inFlight, window, perPod) + counted(pods, "pod")
        case .burst(let inFlight, let window, let perPod, let pods):
            "burst: " + requests(inFlight, window, perPod) + counted(pods, "pod")
        case .afterBurst(let pods, let left):
            "kept at \(pods) for \(left.words) more after a burst"
        case .silent(let pods):
            "not shrinking: \(counted(pods, "pod")) \(pods == 1 ? "does" : "do") not say what is in flight"
        case .noneReady:
            "no pod is ready"
        case .loadUnknown(let why):
            "holding: the requests in flight cannot be read (\(why))"
        case .working(let busy):
            "\(counted(busy, "worker")) busy"
        case .firstJob:
            "from zero: a job has come"
        case .spare(let spare, let percent):
            "\(spare) more for what may come, \(percent) % of what worked lately"
        case .rising(let spare, let period):
            "\(spare) more, as the demand has risen within \(period.words)"
        case .atMinimum(let minimum):
            "minimum \(minimum)"
        case .atMaximum(let maximum, let wanted):
            "capped: maximum \(maximum) of \(wanted)"
        case .growthLimited(let limit, let wanted, let period):
            "growing to \(limit) of \(wanted): no faster in \(period.words)"
        case .growthPaused(let left):
            "growing further in \(left.words)"
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
        case .quotaCapped(let resource, let ceiling, let wanted):
            "capped: \(resource) \(ceiling) of \(wanted)"
        case .refused(let why):
            "new workers are refused: \(why)"
        case .pending(let workers, let why):
            "\(list(workers)) found no place" + remark(why)
        case .notStarting(let workers, let why):
            "\(list(workers)) \(workers.count == 1 ? "does" : "do") not come up" + remark(why)
        case .killedForMemory(let workers):
            "\(list(workers)) \(workers.count == 1 ? "was" : "were") killed for memory"
        case .growthHeld(let most, let wanted):
            "not growing: \(most) of \(wanted) until that is mended"
        case .rollingOut(let target):
            "not shrinking to \(target): a new version is being rolled out"
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
        case .yielding(let replicas, let rest):
            "somebody else has set \(counted(replicas, "worker")): left alone for \(rest.words) more"
        case .neverWanted:
            "nobody has asked for workers yet"
        case .paused:
            "paused by the operator"
        case .override(let replicas):
            "set to \(replicas) by the operator"
        }
    }

    private func requests(_ inFlight: Double, _ window: Duration, _ perPod: Double) -> String {
        let share = perPod > 0 ? ", \(decimal(perPod, digits: 1)) a pod" : ""
        return "\(decimal(inFlight, digits: 1)) in flight over \(window.words)\(share): "
    }

    private func remark(_ why: String?) -> String { why.map { " (\($0))" } ?? "" }

    /// The first three names, and how many more there are.
    private func list(_ names: [String]) -> String {
        let shown = names.prefix(3).joined(separator: ", ")
        return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
    }
}
