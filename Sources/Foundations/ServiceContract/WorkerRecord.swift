import Foundation

/// What a worker says about itself with every heartbeat.
///
/// Workers of several versions live side by side, and a claim writes a record by itself (`Script.take`): a field that is added is
/// optional.
public struct WorkerRecord: Sendable, Equatable, Codable {
    /// What a worker is doing.
    public enum State: String, Sendable, Codable {
        /// It waits for a job.
        case idle
        /// It separates.
        case busy
        /// It claims no more: it was told to end, or bears a drain mark (see ``RedisAutoscalerBoard``).
        case draining
    }

    /// The worker's name, unique among the living.
    public var id: String
    /// What it is doing.
    public var state: State
    /// The job it works on.
    public var job: JobID?
    /// How much of that job is done, 0…1.
    public var progress: Double?
    /// The length of that job's song in seconds, once it was measured.
    public var audioSeconds: Double?
    /// Resident memory in bytes.
    public var memory: Int
    /// The models it has loaded.
    public var models: [String]
    /// When the worker started, by its own clock.
    public var startedAt: Date
    /// What keeps it from working at present, as a sentence; nil when nothing does.
    public var trouble: String?
    /// The last sign of life, by the clock of Redis; set by the queue.
    public var heartbeat: Date

    /// A record; `heartbeat` is set by the queue.
    public init(
        id: String, state: State = .idle, job: JobID? = nil, progress: Double? = nil, audioSeconds: Double? = nil,
        memory: Int = 0, models: [String] = [], startedAt: Date = Date(),
        heartbeat: Date = Date(timeIntervalSince1970: 0)
    ) {
        self.id = id
        self.state = state
        self.job = job
        self.progress = progress
        self.audioSeconds = audioSeconds
        self.memory = memory
        self.models = models
        self.startedAt = startedAt
        self.heartbeat = heartbeat
    }
}
