import Foundation
import FunctionHost
import Logging
import Metrics
import Synchronization
import Testing

@Suite struct ObservabilityTests {
    @Test func everyKindOfMetricIsShown() {
        let registry = PrometheusRegistry()
        registry.describe("jobs.done", "Jobs\nthat are done.")
        Counter(label: "jobs.done", dimensions: [("model", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Meter(label: "depth", dimensions: [], factory: registry).set(2.5)
        Gauge(label: "level", dimensions: [], factory: registry).record(-4)
        Timer(label: "work", dimensions: [("b", "2"), ("a", "1")], factory: registry).recordSeconds(0.3)
        let text = registry.text()
        #expect(text.contains("# HELP jobs_done_total Jobs\\nthat are done.\n# TYPE jobs_done_total counter\n"))
        #expect(text.contains("jobs_done_total{model=\"a\\\"b\\\\c\\nd\"} 3\n"))
        #expect(text.contains("# TYPE depth gauge\ndepth 2.5\n"))
        #expect(text.contains("level -4\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"0.25\"} 0\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"0.5\"} 1\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"+Inf\"} 1\n"))
        #expect(text.contains("work_seconds_sum{a=\"1\",b=\"2\"} 0.3\n"))
    }

    @Test func labelsFromOutsideCannotFillTheMemory() {
        let registry = PrometheusRegistry(maximumSeries: 10)
        for index in 0..<100 {
            Counter(label: "hits", dimensions: [("path", "\(index)")], factory: registry).increment()
        }
        let text = registry.text()
        #expect(text.components(separatedBy: "hits_total{").count == 11)
        #expect(text.contains("metrics_series_dropped_total 90\n"))
    }

    @Test func countingAtTheSameTimeLosesNothing() async {
        let registry = PrometheusRegistry()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 { Counter(label: "n", dimensions: [], factory: registry).increment() }
                }
            }
        }
        #expect(registry.text().contains("n_total 8000\n"))
    }

    @Test func logLinesAreJSON() throws {
        let log = LogLines()
        var logger = log.logger
        logger[metadataKey: "request"] = "r1"
        logger.warning("quotes \" and\nlines", metadata: ["count": .stringConvertible(3), "name": "é"])
        let line = try #require(log.lines.first)
        #expect(line.hasSuffix("\n"))
        #expect(line.dropLast().contains("\n") == false)
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["message"] as? String == "quotes \" and\nlines")
        #expect(fields["count"] as? Int == 3)
        #expect(fields["request"] as? String == "r1")
        #expect(fields["level"] as? String == "warning")
    }
}
