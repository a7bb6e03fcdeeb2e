import Policy

/// What a scaler did with a trace.
public struct SimulationReport: Sendable, Codable {
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
    /// Jobs done more than once; must be 0.
    public var doneTwice: Int
    /// From a job's arrival to the start of the run that finished it, in seconds.
    public var wait: Percentiles
    /// From a job's arrival to its end, in seconds.
    public var turnaround: Percentiles
    /// The share of jobs that waited no longer than promised.
    public var kept: Double
    /// What the pods that had a place cost.
    public var podHours: Double
    /// Of which they worked on jobs that were done.
    public var workHours: Double
    /// Of which they worked on jobs that were then given back.
    public var lostHours: Double
    /// Jobs given back because their pod was told to go and could not finish in time.
    public var givenBack: Int
    /// Pods told to go while they held a job, whether or not they could finish in time.
    public var interruptions: Int
    /// Every change, in order.
    public var actions: [Action]
    /// Seconds simulated.
    public var span: Double
    /// The course of backlog and workers.
    public var series: TimeSeries

    /// The most workers at once.
    public var peak: Int { series.workers.max() ?? 0 }
    /// The share of pod hours that went into jobs that were done.
    public var utilisation: Double { podHours > 0 ? workHours / podHours : 0 }
}

/// A distribution in a few numbers, in seconds; by the nearest rank, so that each is a value that occurred.
public struct Percentiles: Sendable, Equatable, Codable {
    /// Half are no longer.
    public var p50: Double
    /// 95 of 100 are no longer.
    public var p95: Double
    /// 99 of 100 are no longer.
    public var p99: Double
    /// The longest.
    public var max: Double
    /// The mean.
    public var mean: Double

    /// Of `values`, in any order; all zero when there are none.
    public init(_ values: [Double]) {
        let sorted = values.sorted()
        func rank(_ percent: Int) -> Double {
            sorted.isEmpty ? 0 : sorted[Swift.max(0, (sorted.count * percent + 99) / 100 - 1)]
        }
        p50 = rank(50)
        p95 = rank(95)
        p99 = rank(99)
        max = sorted.last ?? 0
        mean = sorted.isEmpty ? 0 : sorted.reduce(0, +) / Double(sorted.count)
    }
}

/// Backlog and workers over time, in equal steps from 0.
public struct TimeSeries: Sendable, Codable {
    /// The length of a step in seconds.
    public let step: Double
    /// The most jobs waiting within each step.
    public private(set) var backlog: [Int] = []
    /// The most workers within each step.
    public private(set) var workers: [Int] = []
    /// The most busy workers within each step.
    public private(set) var busy: [Int] = []
    private var current = (backlog: 0, workers: 0, busy: 0)

    private enum CodingKeys: CodingKey {
        case step, backlog, workers, busy
    }

    init(step: Double) { self.step = step }

    mutating func note(at time: Double, backlog: Int, workers: Int, busy: Int) {
        let index = Int(time / step)
        while self.backlog.count <= index {
            self.backlog.append(current.backlog)
            self.workers.append(current.workers)
            self.busy.append(current.busy)
        }
        current = (backlog, workers, busy)
        self.backlog[index] = max(self.backlog[index], backlog)
        self.workers[index] = max(self.workers[index], workers)
        self.busy[index] = max(self.busy[index], busy)
    }

    /// `values` in `count` columns over `span` seconds, each the highest it covers.
    func columns(_ values: [Int], _ count: Int, span: Double) -> [Int] {
        guard !values.isEmpty, count > 0, span > 0 else { return Array(repeating: 0, count: max(0, count)) }
        return (0..<count).map { column in
            let first = Int(span * Double(column) / Double(count) / step)
            let end = max(first + 1, Int(span * Double(column + 1) / Double(count) / step))
            guard first < values.count else { return 0 }
            return values[first..<min(end, values.count)].max() ?? 0
        }
    }
}

/// Writes down what happens, for the report.
struct Ledger {
    private let trace: Trace
    private let promise: Double
    private var waits: [Double] = []
    private var turnarounds: [Double] = []
    private var completions: [UInt8]
    private var actions: [SimulationReport.Action] = []
    private var podSeconds = 0.0
    private var workSeconds = 0.0
    private var lostSeconds = 0.0
    private var givenBack = 0
    private var interruptions = 0
    private var series: TimeSeries
    private var finished = 0
    /// When the last job was done; nil while one is not.
    private(set) var settled: Double?

    init(trace: Trace, promise: Double) {
        self.trace = trace
        self.promise = promise
        completions = Array(repeating: 0, count: trace.arrivals.count)
        series = TimeSeries(step: max(1, (trace.span / 2000).rounded(.up)))
    }

    mutating func done(_ work: SimulatedPod.Work, at now: Double) {
        let arrival = trace.arrivals[work.job].at
        if completions[work.job] == 0 {
            finished += 1
            waits.append(work.began - arrival)
            turnarounds.append(now - arrival)
        }
        completions[work.job] &+= 1
        workSeconds += now - work.began
        if finished == completions.count { settled = now }
    }

    mutating func gaveBack(_ work: SimulatedPod.Work, at now: Double) {
        givenBack += 1
        lostSeconds += now - work.began
    }

    /// A pod with a job was told to go; it may still finish within the grace period.
    mutating func interrupted() { interruptions += 1 }

    mutating func podGone(_ pod: SimulatedPod, at now: Double) {
        if let placed = pod.placed { podSeconds += now - placed }
    }

    mutating func scaled(at now: Double, from: Int, to: Int, why: String) {
        actions.append(SimulationReport.Action(at: now, from: from, to: to, why: why))
    }

    mutating func note(at now: Double, backlog: Int, pods: [SimulatedPod]) {
        series.note(at: now, backlog: backlog, workers: pods.count, busy: pods.count { $0.work != nil })
    }

    func report(_ policy: String, end: Double) -> SimulationReport {
        SimulationReport(
            policy: policy, trace: trace.name, jobs: completions.count, done: finished,
            doneTwice: completions.count { $0 > 1 }, wait: Percentiles(waits), turnaround: Percentiles(turnarounds),
            kept: waits.isEmpty ? 1 : Double(waits.count { $0 <= promise }) / Double(waits.count),
            podHours: podSeconds / 3600, workHours: workSeconds / 3600, lostHours: lostSeconds / 3600,
            givenBack: givenBack,
            interruptions: interruptions, actions: actions, span: end, series: series)
    }
}
