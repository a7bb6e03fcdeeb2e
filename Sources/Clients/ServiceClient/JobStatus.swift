/// What `GET /fetch/{job}` says about a job.
public struct JobStatus: Codable, Sendable, Equatable {
    /// One separated stem.
    public struct Stem: Codable, Sendable, Equatable {
        /// `drums`, `vocals`, `no_vocals`, …
        public var name: String
        /// Bytes.
        public var size: Int
        /// Where it is served, relative to the service's address.
        public var href: String
        /// The media type.
        public var contentType: String
    }

    /// The job's id.
    public var job: String
    /// `uploaded`, `queued`, `running`, `done`, `failed`, `dead` or `cancelled`.
    public var state: String
    /// The song's file name.
    public var filename: String?
    /// The model that separates it.
    public var model: String?
    /// The place in the queue, 1 being the next.
    public var position: Int?
    /// How much is done, 0…1.
    public var progress: Double?
    /// The seconds that are left, as far as that can be told.
    public var etaSeconds: Double?
    /// Why it failed: a sentence.
    public var error: String?
    /// What the listener should know: sentences.
    public var warnings: [String]?
    /// The stems of a job that is done.
    public var stems: [Stem]?

    /// Whether nothing will happen to the job any more.
    public var isFinal: Bool { ["done", "failed", "dead", "cancelled"].contains(state) }
}

/// Why the service did not do what it was asked; says the service's own sentence.
public enum ServiceError: Error, CustomStringConvertible, Equatable {
    /// It answered with a problem: status, sentence.
    case refused(Int, String)
    /// It answered something that is not in its contract.
    case unexpectedAnswer(String)
    /// The job ended without stems: its state and the reason.
    case jobEnded(job: String, state: String, reason: String)

    /// A sentence.
    public var description: String {
        switch self {
        case .refused(let status, let sentence): "\(sentence) (HTTP \(status))"
        case .unexpectedAnswer(let what): "The service answered unexpectedly: \(what). Is the address that of msaas?"
        case .jobEnded(let job, let state, let reason): "Job \(job) is \(state): \(reason)"
        }
    }
}
