import Policy

/// Writes down what happens, for the report.
struct Ledger {
    private let trace: Trace
    private var waits: [Double] = []
    private var turnarounds: [Double] = []
    private var completions: [UInt8]
    private var killsOfJob: [Int: Int] = [:]
    private var dead = 0
    private var actions: [Report.Action] = []
    private var podSeconds = 0.0
    private var workSeconds = 0.0
    private var lostSeconds = 0.0
    private var kills = 0
    private var interruptions = 0
    private var series: Series
    private var finished = 0
    /// When the last job was done or given up; nil while one is neither.
    private(set) var settled: Double?

    init(trace: Trace) {
        self.trace = trace
        completions = Array(repeating: 0, count: trace.arrivals.count)
        series = Series(step: max(1, (trace.span / 2000).rounded(.up)))
    }

    mutating func done(_ work: Pod.Work, at now: Double) {
        let arrival = trace.arrivals[work.job].at
        if completions[work.job] == 0 {
            finished += 1
            waits.append(work.began - arrival)
            turnarounds.append(now - arrival)
        }
        completions[work.job] &+= 1
        workSeconds += now - work.began
        if finished + dead == completions.count { settled = now }
    }

    /// Returns how often this job was killed by now.
    mutating func killed(_ work: Pod.Work, at now: Double) -> Int {
        kills += 1
        lostSeconds += now - work.began
        killsOfJob[work.job, default: 0] += 1
        return killsOfJob[work.job] ?? 1
    }

    mutating func gaveUp(_ job: Int, at now: Double) {
        dead += 1
        if finished + dead == completions.count { settled = now }
    }

    /// A pod with a job was told to go; it may still finish within the grace period.
    mutating func interrupted() { interruptions += 1 }

    mutating func podGone(_ pod: Pod, at now: Double) {
        if let placed = pod.placed { podSeconds += now - placed }
    }

    mutating func scaled(at now: Double, from: Int, to: Int, why: String) {
        actions.append(Report.Action(at: now, from: from, to: to, why: why))
    }

    mutating func note(at now: Double, backlog: Int, pods: [Pod]) {
        series.note(at: now, backlog: backlog, workers: pods.count, busy: pods.count { $0.work != nil })
    }

    func report(_ policy: String, end: Double) -> Report {
        Report(
            policy: policy, trace: trace.name, jobs: completions.count, done: finished, dead: dead,
            doneTwice: completions.count { $0 > 1 }, wait: Percentiles(waits), turnaround: Percentiles(turnarounds),
            podHours: podSeconds / 3600, workHours: workSeconds / 3600, lostHours: lostSeconds / 3600, kills: kills,
            interruptions: interruptions, actions: actions, span: end, series: series)
    }
}
