import ServiceContract

/// A worker's right to work on a job, for as long as its lease is renewed.
public struct Claim: Sendable, Equatable {
    /// The job as it was when it was claimed.
    public let job: Job
    /// The fencing token: larger with every claim of this job, so that a worker that lost its lease is told apart from
    /// the one that has it now.
    public let token: Int64

    /// A claim with this token.
    public init(job: Job, token: Int64) {
        self.job = job
        self.token = token
    }
}

/// What became of a lease.
public enum LeaseStatus: String, Sendable, Equatable {
    /// It is still this claim's.
    case held
    /// It ran out, and the job is waiting, somebody else's, or finished: stop, and leave everything as it is.
    case lost
    /// The job was cancelled or removed: stop.
    case cancelled
}

/// What ``JobQueue/enqueue(_:)`` did.
public enum EnqueueOutcome: Sendable, Equatable {
    /// The job waits at this position; 1 is the next one out.
    case enqueued(position: Int)
    /// The queue has this job already; nothing was changed.
    case alreadyKnown(JobState)
}

/// What ``JobQueue/cancel(_:)`` did.
public enum CancelOutcome: Sendable, Equatable {
    /// The job is cancelled, now or since earlier; a worker that was on it stops within its next renewal.
    case cancelled
    /// It was finished before; nothing was changed.
    case alreadyFinished(JobState)
    /// The queue has no such job.
    case unknown
}

/// A job whose stems are stored, whose outcome is fixed, and whose worker went away before its manifest was stored.
public struct SealedJob: Sendable, Equatable {
    /// The right to publish it, under the token of the worker that sealed it.
    public let claim: Claim
    /// The manifest to store.
    public let manifest: Manifest

    /// A sealed job.
    public init(claim: Claim, manifest: Manifest) {
        self.claim = claim
        self.manifest = manifest
    }
}

/// How many jobs are where.
public struct QueueDepth: Sendable, Equatable, Codable {
    /// Waiting for a worker.
    public var waiting: Int
    /// Held by workers.
    public var inFlight: Int
    /// Out of attempts.
    public var dead: Int

    /// A depth of these counts.
    public init(waiting: Int, inFlight: Int, dead: Int) {
        self.waiting = waiting
        self.inFlight = inFlight
        self.dead = dead
    }
}
