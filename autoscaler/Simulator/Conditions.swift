/// What the simulated cluster is like. Times are in seconds, sizes in bytes.
public struct Conditions: Sendable, Equatable {
    /// From a pod's creation to its readiness: image present, model loaded.
    public var podStart = 10.0
    /// Starts vary evenly by this share of `podStart` in both directions.
    public var podStartSpread = 0.3
    /// The same where a node has to be made or the image to be fetched first.
    public var coldStart = 60.0
    /// The share of starts that are so.
    public var coldShare = 0.1
    /// Seconds of work for one second of audio.
    public var realTimeFactor = 0.3
    /// For each job besides separating: fetching the track and storing the stems.
    public var jobOverhead = 2.0
    /// What a pod is given to finish when it is told to go, as in our manifests; what it cannot finish it gives back, and
    /// somebody starts over.
    public var grace = 600.0
    /// What one worker asks for.
    public var workerMemory: Int64 = 512 << 20
    /// What there is for all workers; nil when memory does not limit.
    public var memory: Int64?
    /// Seeds the variation of start times.
    public var seed: UInt64 = 1

    /// The defaults: the full-size model on two cores.
    public init() {}

    /// Seconds from a worker's claim to the end of a job.
    func length(of arrival: Trace.Arrival) -> Double { jobOverhead + arrival.audio * realTimeFactor }

    /// Checks every value.
    ///
    /// - Throws: `ConditionsError`, a sentence naming what cannot be.
    public func validate() throws(ConditionsError) {
        func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws(ConditionsError) {
            guard value.isFinite, range.contains(value) else {
                throw ConditionsError(
                    description:
                        "The \(name) is \(value), but it must be from \(range.lowerBound) to \(range.upperBound).")
            }
        }
        try check("pod start time", podStart, 0...86_400)
        try check("spread of the pod start time", podStartSpread, 0...1)
        try check("cold start time", coldStart, 0...86_400)
        try check("share of cold starts", coldShare, 0...1)
        try check("real-time factor", realTimeFactor, 0.0001...1000)
        try check("overhead of a job", jobOverhead, 0...86_400)
        try check("grace period", grace, 0...86_400)
        try check("worker's memory", Double(workerMemory), 1...1e15)
        if let memory { try check("memory", Double(memory), Double(workerMemory)...1e18) }
    }
}

/// A condition that cannot be, as a sentence.
public struct ConditionsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public var description: String
}
