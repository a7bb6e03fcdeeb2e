/// What the operator may choose for a function that is scaled by its requests in flight.
public struct ConcurrencySettings: Sendable, Equatable {
    /// There are never fewer pods; one at least, since where none is nobody would see a request.
    public var minReplicas = 1
    /// There are never more pods.
    public var maxReplicas = 10
    /// How many requests in flight one pod is there for; 0: what its `function.yaml` says (`limits.targetConcurrency`).
    public var targetConcurrency = 0
    /// The mean over this window says how many pods there should be, and no pod goes for so long after a burst.
    public var stableWindow: Duration = .seconds(60)
    /// The mean over this window notices bursts.
    public var panicWindow: Duration = .seconds(1)
    /// It is a burst when the panic window asks for so many pods, in percent of those that are ready.
    public var panicPercent = 200
    /// After a longer gap between observations, windows are watched anew.
    public var longestGap: Duration = .seconds(15)
    /// A pod that found no place for so long stops growth.
    public var pendingGrace: Duration = .seconds(30)
    /// A pod that has a place but did not come up for so long stops growth.
    public var startGrace: Duration = .seconds(180)
    /// After a pod was killed for memory, there is no growth for so long.
    public var memoryKillPause: Duration = .seconds(300)

    /// The defaults.
    public init() {}

    /// Checks every value and how they go together.
    ///
    /// - Throws: `SettingsError` naming the first setting that cannot be.
    public func validate() throws(SettingsError) {
        func check(_ name: String, _ value: String, _ holds: Bool, _ rule: String) throws(SettingsError) {
            if !holds { throw SettingsError(name: name, value: value, rule: rule) }
        }
        try check("min-replicas", "\(minReplicas)", minReplicas >= 1, "must be 1 or more: nobody would see a request")
        try check("max-replicas", "\(maxReplicas)", maxReplicas <= 100_000, "must be 100000 or less")
        try check(
            "max-replicas", "\(maxReplicas)", maxReplicas >= minReplicas,
            "must not be less than min-replicas, which is \(minReplicas)")
        try check(
            "target-concurrency", "\(targetConcurrency)", (0...1_000_000).contains(targetConcurrency),
            "must be from 0 to 1000000")
        try check(
            "panic-percent", "\(panicPercent)", (101...10_000).contains(panicPercent), "must be from 101 to 10000")
        try check("panic-window", panicWindow.words, panicWindow > .zero, "must be longer than 0 s")
        try check(
            "stable-window", stableWindow.words, stableWindow > panicWindow && stableWindow <= .seconds(3600),
            "must be longer than panic-window and not longer than 1 h")
        try check("longest-gap", longestGap.words, longestGap > .zero, "must be longer than 0 s")
        for (name, time) in [
            ("longest-gap", longestGap), ("pending-grace", pendingGrace), ("start-grace", startGrace),
            ("memory-kill-pause", memoryKillPause),
        ] {
            try check(name, time.words, time >= .zero, "must not be negative")
            try check(name, time.words, time <= .seconds(7 * 86_400), "must not be longer than 168 h")
        }
    }

    /// Those of the settings that hold for every fleet.
    var rules: FleetRules {
        FleetRules(
            least: minReplicas, most: maxReplicas, pendingGrace: pendingGrace, startGrace: startGrace,
            memoryKillPause: memoryKillPause)
    }
}
