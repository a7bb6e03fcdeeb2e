import Policy

/// KEDA's ScaledJob: one pod a job, which takes the oldest job, and ends. Nothing is scaled down, so nobody is interrupted;
/// each job pays for a start.
///
/// Source: KEDA documentation, "Scaling Jobs", with its default strategy.
public struct ScaledJobScaler: Scaler {
    /// What it is called in reports.
    public let name = "scaled-job"
    /// Polled every second.
    public let period = 1.0
    /// One job, then the end.
    public let podsEndAfterTheirJob = true
    private let most: Int

    /// At most as many pods as `settings` allow.
    public init(_ settings: Settings) { most = max(1, settings.maxReplicas) }

    /// Starts a pod for each waiting job that none has been started for.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let waiting = observation.backlog.value?.waiting else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        let coming = fleet.workers.count { !$0.isBusy }
        let started = max(0, min(waiting - coming, most - fleet.workers.count))
        return ScalingStep(replicas: started > 0 ? fleet.replicas + started : nil, why: "\(waiting) in the list")
    }
}

/// Knative's autoscaler: the mean concurrency of a stable window, and of a short one in a panic, when that asks for twice as
/// many pods as there are; while it panics nothing is scaled down.
///
/// Source: Knative, `pkg/autoscaler/scaling/autoscaler.go`, with its defaults (60 s, 6 s, 200 %, 30 s of grace at zero), but
/// with a target of one job a pod.
public struct KPAScaler: Scaler {
    /// What it is called in reports.
    public let name = "knative"
    /// Its tick.
    public let period = 2.0
    private static let stableWindow = Duration.seconds(60)
    private static let panicWindow = Duration.seconds(6)
    private static let zeroGrace = Duration.seconds(30)
    private let bounds: ClosedRange<Int>
    private var samples: [(at: Moment, jobs: Int)] = []
    private var panicUntil: Moment?
    private var panicPods = 0
    private var idleSince: Moment?

    /// The defaults within the bounds of `settings`.
    public init(_ settings: Settings) {
        bounds = settings.minReplicas...max(settings.minReplicas, settings.maxReplicas)
    }

    /// Takes a sample, and averages.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let jobs = observation.backlog.value?.jobs else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        samples.removeAll { $0.at.duration(to: now) >= Self.stableWindow }
        samples.append((now, jobs))
        func mean(_ window: Duration) -> Double {
            let recent = samples.filter { $0.at.duration(to: now) < window }
            return Double(recent.reduce(0) { $0 + $1.jobs }) / Double(max(1, recent.count))
        }
        let ready = max(1, fleet.ready)
        // At most a thousandfold up and to a half down in one step, of the ready pods.
        let stable = max(Int(mean(Self.stableWindow).rounded(.up)), fleet.replicas > 0 ? fleet.ready / 2 : 0)
        let panic = Int(mean(Self.panicWindow).rounded(.up))
        if panic >= 2 * ready { panicUntil = now.advanced(by: Self.stableWindow) }
        var wanted = stable
        if let end = panicUntil, now < end {
            panicPods = max(panicPods, panic, fleet.replicas)
            wanted = panicPods
        } else {
            (panicUntil, panicPods) = (nil, 0)
        }
        if mean(Self.stableWindow) > 0 { idleSince = nil } else { idleSince = idleSince ?? now }
        if wanted == 0, let idleSince, idleSince.duration(to: now) < Self.zeroGrace { wanted = min(1, fleet.replicas) }
        wanted = min(max(wanted, bounds.lowerBound), bounds.upperBound)
        return ScalingStep(replicas: wanted == fleet.replicas ? nil : wanted, why: "\(jobs) jobs")
    }
}

/// The bound: it knows when each job will come and how long it will take, and has a pod ready for it at that moment, as far
/// as the maximum allows; a pod goes as soon as it will not be needed within the time that another takes to start.
public struct ClairvoyantScaler: Scaler {
    /// What it is called in reports.
    public let name = "clairvoyant"
    /// Often enough.
    public let period = 0.5
    /// How many jobs would run at a moment, each from when it comes or, at the maximum, a pod is free: steps, by time.
    private let needed: [(at: Double, count: Int)]
    private let lead: Double
    private let least: Int
    private var next = 0

    /// Knows `trace`.
    public init(_ trace: Trace, _ settings: Settings, _ conditions: Conditions) {
        let most = max(
            1, min(settings.maxReplicas, conditions.memory.map { Int($0 / conditions.workerMemory) } ?? .max))
        least = settings.minReplicas
        lead = max(conditions.podStart * (1 + conditions.podStartSpread), conditions.coldStart) + 1
        // When each of the pods is free, the earliest in front.
        var free = Array(repeating: 0.0, count: most)
        var edges: [(at: Double, change: Int)] = []
        for arrival in trace.arrivals {
            let begin = max(arrival.at, free.removeFirst())
            let end = begin + conditions.length(of: arrival)
            let place = free.partition(by: end)
            free.insert(end, at: place)
            edges += [(begin, 1), (end, -1)]
        }
        edges.sort { $0.at < $1.at }
        var count = 0
        needed = edges.map { edge in
            count += edge.change
            return (edge.at, count)
        }
    }

    /// As many pods as will be needed until another could be started.
    public mutating func scale(_ observation: Observation, now: Moment) -> ScalingStep {
        guard let fleet = observation.fleet.value, let backlog = observation.backlog.value else {
            return ScalingStep(replicas: nil, why: "no data")
        }
        let time = now.offset.seconds
        while next < needed.count, needed[next].at <= time { next += 1 }
        var wanted = max(least, next > 0 ? needed[next - 1].count : 0, min(backlog.jobs, fleet.replicas))
        var index = next
        while index < needed.count, needed[index].at <= time + lead {
            wanted = max(wanted, needed[index].count)
            index += 1
        }
        guard wanted < fleet.replicas else { return ScalingStep(replicas: wanted, why: "it is known") }
        let idle = fleet.workers.filter { $0.isLive && !$0.isBusy && $0.phase == .ready }.suffix(
            fleet.replicas - wanted)
        return ScalingStep(replicas: fleet.replicas - idle.count, leaving: idle.map(\.id), why: "it is known")
    }
}

extension [Double] {
    /// The first place in this sorted array whose value is not below `value`.
    fileprivate func partition(by value: Double) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// All that ours is compared with.
public func rivals(_ trace: Trace, _ settings: Settings, _ conditions: Conditions) -> [any Scaler] {
    [
        KEDAScaler(settings, name: "keda"),
        KEDAScaler(settings, .tuned(window: 30), name: "keda-tuned-30s"),
        KEDAScaler(settings, .tuned(window: 60), name: "keda-tuned-60s"),
        KEDAScaler(settings, .tuned(window: 300), name: "keda-tuned-300s"),
        ScaledJobScaler(settings), CPUScaler(settings), ExternalMetricScaler(settings), KPAScaler(settings),
        ClairvoyantScaler(trace, settings, conditions),
    ]
}
