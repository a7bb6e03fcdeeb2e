/// Where a job is in its life.
///
/// `uploaded → queued → running → done | failed | dead | cancelled`; a running job whose worker is gone or gave it back
/// is `queued` again, and a dead one is when somebody asks for a retry.
public enum JobState: String, Codable, Sendable, CaseIterable {
    /// The object is stored and its notification has not come yet: the queue does not know the job. Never stored in
    /// Redis; said by those who look into the bucket.
    case uploaded
    /// Waiting for a worker.
    case queued
    /// A worker holds the lease.
    case running
    /// The stems and their manifest are stored.
    case done
    /// It cannot be done (the input cannot be decoded, the model is not known, …); `error` says why.
    case failed
    /// It spent its attempts; it can be retried by hand.
    case dead
    /// Somebody cancelled it.
    case cancelled

    /// Whether nothing more happens to the job by itself.
    public var isFinished: Bool {
        switch self {
        case .done, .failed, .dead, .cancelled: true
        case .uploaded, .queued, .running: false
        }
    }
}
