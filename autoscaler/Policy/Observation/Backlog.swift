/// The jobs to do and how fast they are done.
public struct Backlog: Sendable, Equatable {
    /// Jobs that no worker has claimed.
    public var waiting: Int
    /// Jobs that a worker holds a lease on.
    public var inFlight: Int
    /// Seconds of audio of the waiting jobs; those of unknown length count as the mean of finished ones.
    /// Nil while no length is known.
    public var waitingAudio: Double?
    /// Seconds of audio that in-flight jobs have yet to separate. Nil while no length is known.
    public var inFlightAudio: Double?
    /// Seconds of work for one second of audio on one worker, measured on finished jobs.
    /// Nil before the first; then demand counts jobs only.
    public var realTimeFactor: Double?

    /// A backlog of its parts.
    public init(
        waiting: Int, inFlight: Int = 0, waitingAudio: Double? = nil, inFlightAudio: Double? = nil,
        realTimeFactor: Double? = nil
    ) {
        self.waiting = waiting
        self.inFlight = inFlight
        self.waitingAudio = waitingAudio
        self.inFlightAudio = inFlightAudio
        self.realTimeFactor = realTimeFactor
    }

    /// Jobs that are not finished.
    public var jobs: Int { max(0, waiting) + max(0, inFlight) }
}
