import Policy
import Testing

@Suite struct SettingsTests {
    @Test func theDefaultsAreValid() throws {
        try Settings().validate()
    }

    @Test func textSetsEverySetting() throws {
        var settings = Settings()
        try settings.set("max-replicas", to: "7")
        try settings.set("target-wait", to: "1.5m")
        try settings.set("idle-window", to: "90")
        try settings.set("growth-period", to: "500ms")
        #expect(settings.maxReplicas == 7)
        #expect(settings.targetWait == .seconds(90))
        #expect(settings.idleWindow == .seconds(90))
        #expect(settings.growthPeriod == .milliseconds(500))
        for name in Settings.Name.allCases { try settings.set(name.rawValue, to: "3") }
        #expect(settings.memoryKillPause == .seconds(3))
    }

    @Test func anUnknownNameIsRefusedWithTheKnownOnes() {
        var settings = Settings()
        #expect(throws: SettingsError.unknown("maxreplicas")) { try settings.set("maxreplicas", to: "3") }
        #expect("\(SettingsError.unknown("maxreplicas"))".contains("max-replicas"))
    }

    @Test(arguments: ["", "x", "1.5", "3 workers", "99999999999999999999"])
    func aCountIsAWholeNumber(text: String) {
        var settings = Settings()
        let error = #expect(throws: SettingsError.self) { try settings.set("max-replicas", to: text) }
        #expect(error?.description == "max-replicas is \"\(text)\", but it must be a whole number.")
    }

    @Test(arguments: ["", "s", "soon", "nan", "inf", "1e300h", "5 m5"])
    func aLengthOfTimeIsReadable(text: String) {
        var settings = Settings()
        let error = #expect(throws: SettingsError.self) { try settings.set("target-wait", to: text) }
        #expect(error?.description.hasPrefix("target-wait is \"\(text)\", but it must be a length of time") == true)
    }

    @Test(arguments: [
        ("min-replicas", "-1", "min-replicas is -1, but it must be 0 or more."),
        ("max-replicas", "0", "max-replicas is 0, but it must be 1 or more."),
        ("target-jobs-per-worker", "0", "target-jobs-per-worker is 0, but it must be 1 or more."),
        ("target-wait", "0", "target-wait is 0 s, but it must be longer than 0 s."),
        ("growth-step", "0", "growth-step is 0, but it must be 1 or more."),
        ("growth-percent", "-5", "growth-percent is -5, but it must be from 0 to 100000."),
        ("stabilisation-window", "-1", "stabilisation-window is -1 s, but it must not be negative."),
        ("idle-window", "200h", "idle-window is 200 h, but it must not be longer than 168 h."),
    ])
    func whatCannotBeIsNamed(name: String, text: String, sentence: String) throws {
        var settings = Settings()
        try settings.set(name, to: text)
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
