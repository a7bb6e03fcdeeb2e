/// What a scaler did with a trace.
public struct Report: Sendable, Codable {
    /// One change of the number of replicas.
    public struct Action: Sendable, Codable, Equatable {
        /// Seconds from the start.
        public var at: Double
        /// Replicas before.
        public var from: Int
        /// Replicas after.
        public var to: Int
        /// Why, in words.
        public var why: String
    }

    /// The scaler's name.
    public var policy: String
    /// The trace's name.
    public var trace: String
    /// Jobs in the trace.
    public var jobs: Int
    /// Jobs done at least once.
    public var done: Int
    /// Jobs given up because they were killed too often.
    public var dead: Int
    /// Jobs done more than once; must be 0.
    public var doneTwice: Int
    /// From a job's arrival to the start of the run that finished it, in seconds.
    public var wait: Percentiles
    /// From a job's arrival to its end, in seconds.
    public var turnaround: Percentiles
    /// What the pods that had a place cost.
    public var podHours: Double
    /// Of which they worked on jobs that were done.
    public var workHours: Double
    /// Of which they worked on jobs that were then killed.
    public var lostHours: Double
    /// Jobs killed by a scale-down.
    public var kills: Int
    /// Pods told to go while they held a job, whether or not they could finish in time.
    public var interruptions: Int
    /// Every change, in order.
    public var actions: [Action]
    /// Seconds simulated.
    public var span: Double
    /// The course of backlog and workers.
    public var series: Series

    /// The most workers at once.
    public var peak: Int { series.workers.max() ?? 0 }
    /// The share of pod hours that went into jobs that were done.
    public var utilisation: Double { podHours > 0 ? workHours / podHours : 0 }
}
