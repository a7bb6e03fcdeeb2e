import Metrics
import Observability
import Synchronization
import Testing

@Suite struct MetricsTests {
    @Test func everyKindOfMetricIsShown() async {
        let registry = PrometheusRegistry()
        registry.describe("jobs.done", "Jobs\nthat are done.")
        Counter(label: "jobs.done", dimensions: [("model", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Meter(label: "depth", dimensions: [], factory: registry).set(2.5)
        Gauge(label: "level", dimensions: [], factory: registry).record(-4)
        Timer(label: "work", dimensions: [("b", "2"), ("a", "1")], factory: registry).recordSeconds(0.3)
        let text = await registry.text()
        #expect(text.contains("# HELP jobs_done_total Jobs\\nthat are done.\n# TYPE jobs_done_total counter\n"))
        #expect(text.contains("jobs_done_total{model=\"a\\\"b\\\\c\\nd\"} 3\n"))
        #expect(text.contains("# TYPE depth gauge\ndepth 2.5\n"))
        #expect(text.contains("level -4\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"0.25\"} 0\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"0.5\"} 1\n"))
        #expect(text.contains("work_seconds_bucket{a=\"1\",b=\"2\",le=\"+Inf\"} 1\n"))
        #expect(text.contains("work_seconds_sum{a=\"1\",b=\"2\"} 0.3\n"))
    }

    @Test func labelsFromOutsideCannotFillTheMemory() async {
        let registry = PrometheusRegistry(maximumSeries: 10)
        for index in 0..<100 {
            Counter(label: "hits", dimensions: [("path", "\(index)")], factory: registry).increment()
        }
        let text = await registry.text()
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
        #expect(await registry.text().contains("n_total 8000\n"))
    }

    /// A collector may belong to a part of the program's life only.
    @Test func collectorsGoWithWhatTheyTellOf() async {
        let registry = PrometheusRegistry()
        await registry.collecting({ $0.gauge("x_c", "For a time.", 1) }) {
            #expect(await registry.text().contains("x_c 1\n"))
        }
        #expect(await !registry.text().contains("x_c"))
    }

    /// What is read when somebody asks is asked for then, and what is not known is left out.
    @Test func collectorsAreAsked() async {
        let registry = PrometheusRegistry()
        let asked = Mutex(0)
        registry.collect { text in
            text.gauge("x_a", "First.", 1.5)
            text.gauge("x_none", "Left out.", nil as Int?)
            text.counter(
                "x_b_total", "Second.", "way",
                [
                    "up": 2,
                    "do\"wn": asked.withLock {
                        $0 += 1; return $0
                    },
                ])
        }
        _ = await registry.text()
        #expect(
            await registry.text().hasPrefix(
                """
                # HELP x_a First.
                # TYPE x_a gauge
                x_a 1.5
                # HELP x_b_total Second.
                # TYPE x_b_total counter
                x_b_total{way="do\\"wn"} 2
                x_b_total{way="up"} 2

                """))
    }

    @Test func theProcessTellsOfItself() async throws {
        let text = await PrometheusRegistry().text()
        func value(_ name: String) throws -> Double {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            return try #require(line.flatMap { Double($0.dropFirst(name.count + 1)) }, "\(name)")
        }
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_open_fds") >= 3)
        #expect(try value("process_max_fds") >= value("process_open_fds"))
        #expect(try value("process_cpu_seconds_total") > 0)
    }
}
