import Controller
import Policy
import Testing

/// What is scaled, and by what, comes from a file.
@Suite struct TargetsFileTests {
    private func failure(_ text: String) -> String {
        var configuration = ControllerConfiguration()
        do {
            try configuration.take(targets: text, path: "targets.yaml")
            return ""
        } catch { return "\(error)" }
    }

    @Test func workersAndFunctions() throws {
        var configuration = try ControllerConfiguration(
            flags: ["max-replicas": "9", "idle-window": "5m"], environment: ["AUTOSCALER_TARGETS": "/etc/targets.yaml"])
        #expect(configuration.targetsFile == "/etc/targets.yaml")
        try configuration.take(
            targets: """
                - {deployment: upload, kind: concurrency, min-replicas: 2, target-concurrency: 8, stable-window: 30s}
                - {deployment: separators, kind: queue, max-replicas: 12}
                - {deployment: fetch, kind: concurrency}
                """, path: "targets.yaml")
        var upload = ConcurrencySettings()
        (upload.minReplicas, upload.targetConcurrency, upload.stableWindow) = (2, 8, .seconds(30))
        var queue = Settings()
        (queue.maxReplicas, queue.idleWindow) = (12, .seconds(300))
        #expect(
            configuration.targets == [
                .init(deployment: "separators", kind: .queue(queue)),
                .init(deployment: "upload", kind: .concurrency(upload)),
                .init(deployment: "fetch", kind: .concurrency(ConcurrencySettings())),
            ])
    }

    @Test(arguments: [
        ("{", "is no YAML"), ("a: b", "must be a list of targets"), ("", "must be a list of targets"),
        ("- worker", "target 1 of targets.yaml is not a mapping"),
        ("- {kind: queue}", "target 1 of targets.yaml: deployment is missing."),
        ("- {deployment: a, kind: cpu}", "kind is “cpu”; write queue or concurrency."),
        ("- {deployment: a, kind: [queue]}", "kind must have a plain value"),
        ("- {deployment: a, kind: concurrency}", "has 0 targets of the kind queue; write exactly one"),
        ("- {deployment: a, kind: queue}\n- {deployment: b, kind: queue}", "has 2 targets of the kind queue"),
        ("- {deployment: a, kind: queue}\n- {deployment: a, kind: concurrency}", "names the Deployment a twice"),
        (
            "- {deployment: a, kind: queue, panic-window: 3s}",
            "there is no setting “panic-window” here. The settings are"
        ),
        (
            "- {deployment: a, kind: queue}\n- {deployment: b, kind: concurrency, max-replicas: x}",
            "max-replicas is “x”; write a whole number. It comes from target 2 of targets.yaml."
        ),
        (
            "- {deployment: a, kind: queue}\n- {deployment: b, kind: concurrency, min-replicas: 0}",
            "target 2 of targets.yaml: min-replicas is 0, but it must be 1 or more"
        ),
    ])
    func whatIsWrongIsNamed(text: String, sentence: String) {
        #expect(failure(text).contains(sentence), "\(failure(text))")
    }

    /// What a pod says between two looks: the mean, exactly, also of requests that were over in between.
    @Test func theMeanBetweenTwoLooks() throws {
        func metrics(_ seconds: Double, _ count: Int, at second: Double) throws -> PodMetrics {
            try #require(
                PodMetrics(
                    """
                    # TYPE http_requests_in_flight gauge
                    http_requests_in_flight{function="host"} 1
                    http_requests_in_flight{function="upload"} \(count)
                    http_requests_in_flight_seconds_total{function="host"} 900
                    http_requests_in_flight_seconds_total{function="upload"} \(seconds)
                    function_target_concurrency{function="upload"} 32
                    http_requests_total{function="upload",method="GET",status="200"} 9
                    """, at: start + .seconds(second)))
        }
        let start = ContinuousClock.now
        let (first, second) = (try metrics(10, 7, at: 0), try metrics(90, 0, at: 2))
        #expect(first.mean(since: nil, perPod: 0) == (7, 7.0 / 32))
        #expect(second.mean(since: first, perPod: 0) == (40, 1.25))
        #expect(second.mean(since: first, perPod: 10) == (40, 4))
        // It has begun anew in between.
        #expect(try metrics(3, 2, at: 3).mean(since: second, perPod: 0).inFlight == 2)
        #expect(
            PodMetrics("http_requests_in_flight{function=\"host\"} 1\nfunction_target_concurrency NaN", at: start)
                == nil)
    }
}
