import Controller
import EnvironmentSettings
import Policy
import Testing

@Suite struct ConfigurationTests {
    private func failure(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) -> String {
        do {
            _ = try ControllerConfiguration(
                flags: flags, environment: environment, file: file.map { ($0, "/etc/autoscaler.yaml") })
            return ""
        } catch { return "\(error)" }
    }

    @Test func flagsGoBeforeEnvironmentBeforeFileBeforeDefault() throws {
        let file = """
            # The evening shift.
            max-replicas: 4
            min-replicas: 1
            idle-window: 5m
            deployment: separators
            """
        let configuration = try ControllerConfiguration(
            flags: ["max-replicas": "9"],
            environment: [
                "AUTOSCALER_MAX_REPLICAS": "7", "AUTOSCALER_IDLE_WINDOW": "90", "AUTOSCALER_LEASE_DURATION": "20s",
                "REDIS_URL": "redis://redis:6379/1", "AUTOSCALER_NAMESPACE": "", "AUTOSCALER_PORT": "tcp://10.0.0.1:80",
            ],
            file: (file, "/etc/autoscaler.yaml"))
        #expect(configuration.policy.maxReplicas == 9)
        #expect(configuration.policy.idleWindow == .seconds(90))
        #expect(configuration.policy.minReplicas == 1)
        #expect(configuration.deployment == "separators")
        #expect(configuration.election.lease == .seconds(20))
        #expect(configuration.redisURL == "redis://redis:6379/1")
        #expect(configuration.namespace == nil)
        #expect(configuration.policy.growthStep == Settings().growthStep)
        #expect(try ControllerConfiguration(flags: [:], environment: [:], file: ("", "x")) == ControllerConfiguration())
    }

    @Test func theListenAddress() throws {
        let configuration = try ControllerConfiguration(flags: ["listen": "[::1]:0"], environment: [:])
        #expect(configuration.listening == .init(host: "[::1]", port: 0))
        #expect(try ControllerConfiguration(flags: ["listen": ":8081"], environment: [:]).listening.host == "0.0.0.0")
    }

    @Test func errorsNameSettingValueAndOrigin() {
        #expect(
            failure(flags: ["max-replicas": "many"])
                == "max-replicas is “many”; write a whole number. It comes from the flag --max-replicas.")
        #expect(
            failure(environment: ["AUTOSCALER_INTERVAL": "x"]) == """
                interval is “x”; write a time such as 500ms, 90s or 5m. It comes from the environment variable \
                AUTOSCALER_INTERVAL.
                """)
        #expect(
            failure(file: "\nmax-replicas: 0")
                == "max-replicas is 0, but it must be 1 or more. It comes from the file /etc/autoscaler.yaml, line 2.")
        #expect(
            failure(file: "max-workers: 3").hasPrefix("There is no setting “max-workers”, as /etc/autoscaler.yaml"))
        #expect(failure(file: "max-replicas: [3]").contains("must have a plain value, not a list or a mapping."))
        #expect(failure(file: "- a").contains("must be a mapping of settings to values"))
        #expect(failure(file: "a: {").contains("is no YAML"))
        #expect(
            failure(flags: ["memory-room": "all"])
                == "memory-room is “all”; write one of nodes, quota, none. It comes from the flag --memory-room.")
        #expect(failure(flags: ["listen": "9090"]).contains("an address and a port"))
        #expect(
            failure(flags: ["renew-deadline": "15s"]) == """
                renew-deadline is “15s”, but it must be shorter than lease-duration. It comes from the flag --renew-deadline.
                """)
        #expect(failure(flags: ["lease-duration": "3s"]).hasPrefix("renew-deadline is at its default, but it must be"))
        #expect(failure(flags: ["interval": "20s"]).contains("must be shorter than longest-gap"))
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
        let error = #expect(throws: ConfigurationError.self) { try settings.set("maxreplicas", to: "3") }
        #expect(error?.description.contains("max-replicas") == true)
    }

    @Test(arguments: ["", "x", "1.5", "3 workers", "99999999999999999999"])
    func aCountIsAWholeNumber(text: String) {
        var settings = Settings()
        let error = #expect(throws: ConfigurationError.self) { try settings.set("max-replicas", to: text) }
        #expect(error?.description == "max-replicas is “\(text)”; write a whole number.")
    }

    @Test(arguments: ["", "s", "soon", "nan", "inf", "1e300h", "5 m5"])
    func aLengthOfTimeIsReadable(text: String) {
        var settings = Settings()
        let error = #expect(throws: ConfigurationError.self) { try settings.set("target-wait", to: text) }
        #expect(error?.description.hasPrefix("target-wait is “\(text)”; write a time") == true)
    }
}
