extension Settings {
    /// What a setting is called in files, flags and the environment (there in capitals, with underscores).
    public enum Name: String, CaseIterable, Sendable {
        /// See `Settings.minReplicas`.
        case minReplicas = "min-replicas"
        /// See `Settings.maxReplicas`.
        case maxReplicas = "max-replicas"
        /// See `Settings.targetJobsPerWorker`.
        case targetJobsPerWorker = "target-jobs-per-worker"
        /// See `Settings.targetWait`.
        case targetWait = "target-wait"
        /// See `Settings.growthStep`.
        case growthStep = "growth-step"
        /// See `Settings.growthPercent`.
        case growthPercent = "growth-percent"
        /// See `Settings.growthPeriod`.
        case growthPeriod = "growth-period"
        /// See `Settings.stabilisationWindow`.
        case stabilisationWindow = "stabilisation-window"
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
            case .growthStep: \.growthStep
            case .growthPercent: \.growthPercent
            default: nil
            }
        }

        var durationField: WritableKeyPath<Settings, Duration>? {
            switch self {
            case .targetWait: \.targetWait
            case .growthPeriod: \.growthPeriod
            case .stabilisationWindow: \.stabilisationWindow
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
        if let field = name.countField { return "\(self[keyPath: field])" }
        return duration(name).words
    }

    /// Sets one setting from text, such as "3", "90", "90s", "5m" or "1h". Call `validate()` when all are set.
    ///
    /// - Throws: `SettingsError` when there is no such setting, or the text is not a value for it.
    public mutating func set(_ name: String, to text: String) throws(SettingsError) {
        guard let known = Name(rawValue: name) else { throw .unknown(name) }
        if let field = known.countField {
            guard let count = Int(text) else { throw .unreadable(known, text: text, expected: "a whole number") }
            self[keyPath: field] = count
        } else if let field = known.durationField {
            guard let length = Duration(text: text) else {
                throw .unreadable(known, text: text, expected: "a length of time, such as 90s, 5m or 1h")
            }
            self[keyPath: field] = length
        }
    }

    func duration(_ name: Name) -> Duration { name.durationField.map { self[keyPath: $0] } ?? .zero }
}
