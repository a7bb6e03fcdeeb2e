public import Metrics
import ProcessUsage
import Synchronization

/// A backend for swift-metrics that shows everything in Prometheus' text format.
///
/// Counters become counters (`…_total`), meters and gauges gauges, timers histograms in seconds (`…_seconds`),
/// recorders histograms. One name has one type and at most ``maximumSeries`` label sets; what is over is dropped
/// and counted in `metrics_series_dropped_total`, so that label values from outside cannot fill the memory.
/// What is not counted but read when somebody asks comes from collectors: see ``collect(_:)``.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The most label sets that one name may have.
    public let maximumSeries: Int
    private let state = Mutex(State())

    /// Writes metrics that are read when they are asked for.
    public typealias Collector = @Sendable (inout PrometheusText) async -> Void

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var dropped: Int64 = 0
        var collectors: [(id: Int, collector: Collector)] = []
        var lastID = 0
    }

    private struct Family {
        var kind: Series.Kind
        var series: [[Label]: Series] = [:]
    }

    /// An empty registry.
    public init(maximumSeries: Int = 500) {
        self.maximumSeries = maximumSeries
        // A program makes one when it starts.
        _ = ProcessUsage.start
    }

    /// Sets the help line of a metric, by its label.
    public func describe(_ label: String, _ text: String) { state.withLock { $0.help[label] = text } }

    /// Has `collector` asked whenever somebody wants to see the metrics.
    public func collect(_ collector: @escaping Collector) { _ = add(collector) }

    /// The same while `body` runs; what the collector holds is let go of then.
    public func collecting<Value>(
        _ collector: @escaping Collector, isolation: isolated (any Actor)? = #isolation,
        while body: () async throws -> Value
    ) async rethrows -> Value {
        let id = add(collector)
        defer { state.withLock { $0.collectors.removeAll { $0.id == id } } }
        return try await body()
    }

    private func add(_ collector: @escaping Collector) -> Int {
        state.withLock {
            $0.lastID += 1
            $0.collectors.append(($0.lastID, collector))
            return $0.lastID
        }
    }

    /// The whole exposition (text format 0.0.4): what was counted, what the collectors say, the process's own numbers.
    public func text() async -> String {
        let (families, help, dropped, collectors) = state.withLock {
            ($0.families, $0.help, $0.dropped, $0.collectors)
        }
        var writer = PrometheusText()
        for (label, family) in families.sorted(by: { $0.key < $1.key }) {
            let name = PrometheusText.name(label, kind: family.kind)
            writer.header(name, kind: family.kind, help: help[label])
            for (labels, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                writer.series(name, labels: labels, series)
            }
        }
        if dropped > 0 { writer.counter("metrics_series_dropped_total", "Label sets over the limit.", dropped) }
        for (_, collector) in collectors { await collector(&writer) }
        writer.process()
        return writer.text
    }

    private func series(_ label: String, _ kind: Series.Kind, _ dimensions: [(String, String)]) -> Series {
        let labels = dimensions.map { Label(name: $0.0, value: $0.1) }.sorted()
        return state.withLock { state in
            var family = state.families[label] ?? Family(kind: kind)
            if family.kind == kind, let known = family.series[labels] { return known }
            let made = Series(kind: kind, key: label, labels: labels)
            guard family.kind == kind, family.series.count < maximumSeries else {
                state.dropped += 1
                return made
            }
            family.series[labels] = made
            state.families[label] = family
            return made
        }
    }

    private func remove(_ handler: AnyObject) {
        guard let series = handler as? Series else { return }
        state.withLock { state in
            guard state.families[series.key]?.series[series.labels] === series else { return }
            state.families[series.key]?.series[series.labels] = nil
        }
    }
}

extension PrometheusRegistry {
    /// Makes a counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, .counter, dimensions)
    }

    /// Makes a counter of fractions.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, .counter, dimensions)
    }

    /// Makes a gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, .gauge, dimensions)
    }

    /// Makes a histogram, or a gauge when values are not to be aggregated.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        series(label, aggregate ? .histogram : .gauge, dimensions)
    }

    /// Makes a histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, .timer, dimensions)
    }

    /// Forgets a counter.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// Forgets a counter of fractions.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    /// Forgets a gauge.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// Forgets a histogram.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    /// Forgets a timer.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}

/// One metric with one set of labels.
final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    enum Kind: Sendable, Equatable {
        case counter, gauge, histogram, timer

        var isHistogram: Bool { self == .histogram || self == .timer }
    }

    struct Snapshot: Sendable {
        /// The value of a counter or gauge, the sum of a histogram.
        var value = 0.0
        var count = 0
        /// Observations at or below each bound, not yet added up.
        var buckets: [Int] = []
    }

    /// Upper bounds in seconds, from a quick answer to a long upload. Recorders use them as they are.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900]

    let kind: Kind
    let key: String
    let labels: [Label]
    private let state: Mutex<Snapshot>

    init(kind: Kind, key: String, labels: [Label]) {
        self.kind = kind
        self.key = key
        self.labels = labels
        state = Mutex(Snapshot(buckets: kind.isHistogram ? Array(repeating: 0, count: Self.bounds.count) : []))
    }

    var snapshot: Snapshot { state.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { state.withLock { $0.value += amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
    func reset() { state.withLock { $0.value = 0 } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.value = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        guard kind.isHistogram else { return set(value) }
        let bucket = Self.bounds.firstIndex { value <= $0 }
        state.withLock {
            $0.value += value
            $0.count += 1
            if let bucket { $0.buckets[bucket] += 1 }
        }
    }
}

/// One label of a series.
struct Label: Hashable, Comparable, Sendable {
    var name: String
    var value: String

    static func < (a: Label, b: Label) -> Bool { (a.name, a.value) < (b.name, b.value) }
}
