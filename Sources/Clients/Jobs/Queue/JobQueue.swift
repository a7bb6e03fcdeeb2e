import ServiceContract

/// The queue of jobs, as upload, fetch, the workers and the autoscaler see it.
///
/// A claimed job is in somebody's hands until it is committed, failed or given back, or until its lease runs out; at
/// every moment it is in exactly one place. Calls of a claim that lost its lease change nothing.
public protocol JobQueue: Sendable {
    /// Puts a job at the end of the queue, unless a job with its id is known already.
    func enqueue(_ job: Job) async throws -> EnqueueOutcome
    /// Records a job that cannot be done (its options are wrong, its object is too large, …) as failed, without ever
    /// queueing it; does nothing if a job with its id is known already.
    ///
    /// - Parameter reason: a sentence for the job's owner.
    /// - Returns: the job's state now.
    @discardableResult func reject(_ job: Job, reason: String) async throws -> JobState
    /// Takes the oldest waiting job, counts the attempt and sets the lease; waits for one if there is none.
    ///
    /// - Parameters:
    ///   - worker: the claiming worker's id. A worker has one claim under way at a time.
    ///   - wait: how long to wait.
    /// - Returns: the claim, or `nil` when the time ran out.
    /// - Throws: `CancellationError` within about a second of the task's cancellation; no job is lost by it.
    func claim(worker: String, wait: Duration) async throws -> Claim?
    /// Renews the lease.
    func renew(_ claim: Claim) async throws -> LeaseStatus
    /// Stores how far the work is, 0…1, and how long the song is in seconds.
    func report(_ claim: Claim, progress: Double, audioSeconds: Double?) async throws -> LeaseStatus
    /// Fixes the outcome: from now on only this manifest can become the job's, and the job is not worked on again
    /// even if the worker goes away. The manifest is to be stored next, and then ``commit(_:manifest:)`` called.
    func seal(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus
    /// Marks the job as done. Repeating it is harmless.
    func commit(_ claim: Claim, manifest: Manifest) async throws -> LeaseStatus
    /// Ends the attempt. With `retry` the job waits again, behind the others, until its attempts are spent, and is dead
    /// then; without it the job has failed.
    ///
    /// - Parameter reason: a sentence for the job's owner.
    /// - Returns: the job's state now; whatever it is when the lease was lost.
    func fail(_ claim: Claim, reason: String, retry: Bool) async throws -> JobState
    /// Puts the job back as the next one out, without spending the attempt.
    func giveBack(_ claim: Claim) async throws
    /// Puts the jobs of workers that are gone back into the queue (or among the dead, when their attempts are spent).
    ///
    /// - Returns: the jobs that were moved.
    func recover() async throws -> [JobID]
    /// Sealed jobs whose worker is gone, each with its lease renewed for the caller, who stores the manifest and
    /// commits.
    func unpublished() async throws -> [SealedJob]
    /// Cancels a job that waits, runs or is dead.
    func cancel(_ id: JobID) async throws -> CancelOutcome
    /// Forgets a job, whatever its state; a worker that was on it stops.
    func remove(_ id: JobID) async throws
    /// Puts a dead job, or all of them, back at the end of the queue with all attempts ahead of it.
    ///
    /// - Returns: the jobs that were dead.
    @discardableResult func retryDead(_ id: JobID?) async throws -> [JobID]
    /// The job, or `nil` if the queue does not know it.
    func job(_ id: JobID) async throws -> Job?
    /// The place of a waiting job, 1 being the next one out; `nil` if it does not wait.
    func position(of id: JobID) async throws -> Int?
    /// The jobs that were enqueued last, newest first.
    func recent(limit: Int) async throws -> [Job]
    /// How many jobs are where.
    func depth() async throws -> QueueDepth
    /// Says that a worker lives.
    func heartbeat(_ worker: WorkerRecord) async throws
    /// The workers that gave a sign of life lately, by id.
    func workers() async throws -> [WorkerRecord]
    /// Removes the record of a worker that ends.
    func forget(worker: String) async throws
    /// Whether it is the caller's turn to do something that one of many should do now and then: `true` for one caller
    /// in each `period`.
    func takeTurn(at task: String, every period: Duration) async throws -> Bool
}
