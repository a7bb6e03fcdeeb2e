/// The workers that exist and how many there should be.
public struct Fleet: Sendable, Equatable {
    /// How many replicas the Deployment (or the local supervisor) was last told to keep.
    public var replicas: Int
    /// The workers that exist, also those that are coming up or going away.
    public var workers: [Worker]

    /// A fleet of `workers`, told to be `replicas`.
    public init(replicas: Int, workers: [Worker]) {
        self.replicas = replicas
        self.workers = workers
    }

    /// How many live workers hold, or may hold, a job.
    public var busy: Int { workers.count { $0.isLive && $0.isBusy } }

    /// How many workers are ready and hold no job.
    public var idle: Int { workers.count { $0.phase == .ready && !$0.isBusy } }

    /// How many workers report ready.
    public var ready: Int { workers.count { $0.phase == .ready } }

    /// The workers that have been told to claim no more.
    public var draining: [String] { workers.filter { $0.draining && $0.isLive }.map(\.id) }
}
