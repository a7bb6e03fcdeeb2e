/// What the operator may choose. The defaults suit workers that start in ten seconds and take about a minute for a song;
/// where starting takes longer, as on nodes that are themselves started on demand, lengthen the windows.
public struct Settings: Sendable, Equatable {
    /// There are never fewer workers, unless memory allows no more.
    public var minReplicas = 0
    /// There are never more workers, except those still busy when the number is lowered.
    public var maxReplicas = 20
    /// How many unfinished jobs one worker is there for.
    public var targetJobsPerWorker = 1
    /// So many workers are kept beyond the demand, in percent of those that worked in the recent past. In the long run that
    /// is also the share of pod hours that it may cost.
    public var sparePercent = 8
    /// Where that is more: so much of what the demand has risen by within the growth period is kept beyond it, in percent,
    /// since about as many jobs will come while the workers for these start. 0 keeps none.
    public var trendPercent = 100
    /// How long the work that is known now may take in all.
    public var targetWait: Duration = .seconds(60)
    /// So many workers may be added within one growth period, whatever `growthPercent` says.
    public var growthStep = 10
    /// So much of the fleet, in percent, may be added within one growth period, whatever `growthStep` says.
    public var growthPercent = 100
    /// What `growthStep`, `growthPercent` and `trendPercent` are counted over.
    public var growthPeriod: Duration = .seconds(15)
    /// So long after it has grown the fleet grows no further, so that jobs that come one by one make few patches; the
    /// first worker of an empty fleet is never late.
    public var growthPause: Duration = .seconds(3)
    /// Before it shrinks, the fleet is kept as large as was wanted at any time in this window.
    public var stabilisationWindow: Duration = .seconds(30)
    /// The same for a fleet that is to lose less than half of its workers: what comes and goes by chance is not followed,
    /// the end of a burst is.
    public var settleWindow: Duration = .seconds(300)
    /// The last worker goes when there was no work for so long.
    public var idleWindow: Duration = .seconds(120)
    /// After a longer gap between complete observations, windows are watched anew.
    public var longestGap: Duration = .seconds(15)
    /// A worker that found no place for so long stops growth.
    public var pendingGrace: Duration = .seconds(30)
    /// A worker that has a place but did not come up for so long stops growth.
    public var startGrace: Duration = .seconds(180)
    /// After a worker was killed for memory, there is no growth for so long.
    public var memoryKillPause: Duration = .seconds(300)

    /// The defaults.
    public init() {}

    /// Checks every value and how they go together.
    ///
    /// - Throws: `SettingsError` naming the first setting that cannot be.
    public func validate() throws(SettingsError) {
        try check(.minReplicas, minReplicas >= 0, "must be 0 or more")
        try check(.maxReplicas, maxReplicas >= 1, "must be 1 or more")
        try check(.maxReplicas, maxReplicas <= 100_000, "must be 100000 or less")
        try check(
            .maxReplicas, maxReplicas >= minReplicas, "must not be less than min-replicas, which is \(minReplicas)")
        try check(.targetJobsPerWorker, targetJobsPerWorker >= 1, "must be 1 or more")
        try check(.sparePercent, (0...100).contains(sparePercent), "must be from 0 to 100")
        try check(.trendPercent, (0...200).contains(trendPercent), "must be from 0 to 200")
        try check(.growthStep, growthStep >= 1, "must be 1 or more")
        try check(.growthPercent, growthPercent >= 0 && growthPercent <= 100_000, "must be from 0 to 100000")
        for name in [Name.targetWait, .growthPeriod, .longestGap] {
            try check(name, self[time: name] > .zero, "must be longer than 0 s")
        }
        for name in Name.allCases where name.isDuration {
            try check(name, self[time: name] >= .zero, "must not be negative")
            try check(name, self[time: name] <= .seconds(7 * 86_400), "must not be longer than 168 h")
        }
    }

    private func check(_ name: Name, _ holds: Bool, _ rule: String) throws(SettingsError) {
        if !holds { throw SettingsError(name: name.rawValue, value: self[name], rule: rule) }
    }
}

extension Settings {
    /// What a setting is called in files, flags and the environment (there in capitals, with underscores).
    public enum Name: String, CaseIterable, Sendable {
        /// See `Settings.minReplicas`.
        case minReplicas = "min-replicas"
        /// See `Settings.maxReplicas`.
        case maxReplicas = "max-replicas"
        /// See `Settings.targetJobsPerWorker`.
        case targetJobsPerWorker = "target-jobs-per-worker"
        /// See `Settings.sparePercent`.
        case sparePercent = "spare-percent"
        /// See `Settings.trendPercent`.
        case trendPercent = "trend-percent"
        /// See `Settings.targetWait`.
        case targetWait = "target-wait"
        /// See `Settings.growthStep`.
        case growthStep = "growth-step"
        /// See `Settings.growthPercent`.
        case growthPercent = "growth-percent"
        /// See `Settings.growthPeriod`.
        case growthPeriod = "growth-period"
        /// See `Settings.growthPause`.
        case growthPause = "growth-pause"
        /// See `Settings.stabilisationWindow`.
        case stabilisationWindow = "stabilisation-window"
        /// See `Settings.settleWindow`.
        case settleWindow = "settle-window"
        /// See `Settings.idleWindow`.
        case idleWindow = "idle-window"
        /// See `Settings.longestGap`.
        case longestGap = "longest-gap"
        /// See `Settings.pendingGrace`.
        case pendingGrace = "pending-grace"
        /// See `Settings.startGrace`.
        case startGrace = "start-grace"
        /// See `Settings.memoryKillPause`.
        case memoryKillPause = "memory-kill-pause"

        /// It holds a length of time, not a count.
        public var isDuration: Bool { durationField != nil }

        var countField: WritableKeyPath<Settings, Int>? {
            switch self {
            case .minReplicas: \.minReplicas
            case .maxReplicas: \.maxReplicas
            case .targetJobsPerWorker: \.targetJobsPerWorker
            case .sparePercent: \.sparePercent
            case .trendPercent: \.trendPercent
            case .growthStep: \.growthStep
            case .growthPercent: \.growthPercent
            default: nil
            }
        }

        var durationField: WritableKeyPath<Settings, Duration>? {
            switch self {
            case .targetWait: \.targetWait
            case .growthPeriod: \.growthPeriod
            case .growthPause: \.growthPause
            case .stabilisationWindow: \.stabilisationWindow
            case .settleWindow: \.settleWindow
            case .idleWindow: \.idleWindow
            case .longestGap: \.longestGap
            case .pendingGrace: \.pendingGrace
            case .startGrace: \.startGrace
            case .memoryKillPause: \.memoryKillPause
            default: nil
            }
        }
    }

    /// The value of a setting as text, for showing.
    public subscript(name: Name) -> String {
        name.isDuration ? self[time: name].words : "\(self[count: name])"
    }

    /// The value of a setting that is a count; 0 for others, which it does not set.
    package subscript(count name: Name) -> Int {
        get { name.countField.map { self[keyPath: $0] } ?? 0 }
        set { if let field = name.countField { self[keyPath: field] = newValue } }
    }

    /// The value of a setting that is a length of time; zero for others, which it does not set.
    package subscript(time name: Name) -> Duration {
        get { name.durationField.map { self[keyPath: $0] } ?? .zero }
        set { if let field = name.durationField { self[keyPath: field] = newValue } }
    }

}

/// A setting that cannot be.
public struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which one.
    public let name: String
    /// What it is.
    public let value: String
    /// What it must be: `must be 0 or more`.
    public let rule: String

    /// A sentence that names the setting, its value and what it must be.
    public var description: String { "\(name) is \(value), but it \(rule)." }
}
