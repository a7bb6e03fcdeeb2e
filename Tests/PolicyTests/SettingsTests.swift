import Policy
import Testing

@Suite struct SettingsTests {
    @Test func theDefaultsAreValid() throws {
        try Settings().validate()
    }

    @Test(arguments: [
        (Settings.with(\.minReplicas, -1), "min-replicas is -1, but it must be 0 or more."),
        (.with(\.maxReplicas, 0), "max-replicas is 0, but it must be 1 or more."),
        (.with(\.targetJobsPerWorker, 0), "target-jobs-per-worker is 0, but it must be 1 or more."),
        (.with(\.targetWait, .zero), "target-wait is 0 s, but it must be longer than 0 s."),
        (.with(\.growthStep, 0), "growth-step is 0, but it must be 1 or more."),
        (.with(\.growthPercent, -5), "growth-percent is -5, but it must be from 0 to 100000."),
        (.with(\.stabilisationWindow, .seconds(-1)), "stabilisation-window is -1 s, but it must not be negative."),
        (.with(\.idleWindow, .seconds(720_000)), "idle-window is 200 h, but it must not be longer than 168 h."),
    ])
    func whatCannotBeIsNamed(settings: Settings, sentence: String) {
        let error = #expect(throws: SettingsError.self) { try ScalingPolicy(settings) }
        #expect(error?.description == sentence)
    }

    @Test func theBoundsMustNotCross() throws {
        var settings = Settings()
        settings.minReplicas = 30
        let error = #expect(throws: SettingsError.self) { try settings.validate() }
        #expect(error?.description == "max-replicas is 20, but it must not be less than min-replicas, which is 30.")
    }
}

extension Settings {
    fileprivate static func with<Value>(_ field: WritableKeyPath<Settings, Value>, _ value: Value) -> Settings {
        var settings = Settings()
        settings[keyPath: field] = value
        return settings
    }
}
