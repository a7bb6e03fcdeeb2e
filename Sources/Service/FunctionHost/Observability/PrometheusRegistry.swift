import Metrics
import Synchronization

/// A backend for swift-metrics that shows everything in Prometheus' text format.
///
/// Counters become counters (`…_total`), meters and gauges gauges, timers histograms in seconds (`…_seconds`),
/// recorders histograms. One name has one type and at most ``maximumSeries`` label sets; what is over is dropped
/// and counted in `metrics_series_dropped_total`, so that label values from outside cannot fill the memory.
public final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The most label sets that one name may have.
    public let maximumSeries: Int
    private let state = Mutex(State())

    private struct State {
        var families: [String: Family] = [:]
        var help: [String: String] = [:]
        var dropped: Int64 = 0
    }

    private struct Family {
        var kind: Series.Kind
        var series: [[Label]: Series] = [:]
    }

    /// An empty registry.
    public init(maximumSeries: Int = 500) { self.maximumSeries = maximumSeries }

    /// Sets the help line of a metric, by its label.
    public func describe(_ label: String, _ text: String) { state.withLock { $0.help[label] = text } }

    /// The whole exposition (text format 0.0.4).
    public func text() -> String {
        let (families, help, dropped) = state.withLock { ($0.families, $0.help, $0.dropped) }
        var writer = PrometheusText()
        for (label, family) in families.sorted(by: { $0.key < $1.key }) {
            let name = PrometheusText.name(label, kind: family.kind)
            writer.header(name, kind: family.kind, help: help[label])
            for (labels, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                writer.series(name, labels: labels, series)
            }
        }
        if dropped > 0 {
            writer.header("metrics_series_dropped_total", kind: .counter, help: "Label sets over the limit.")
            writer.value("metrics_series_dropped_total", labels: [], Double(dropped))
        }
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

/// One label of a series.
struct Label: Hashable, Comparable, Sendable {
    var name: String
    var value: String

    static func < (a: Label, b: Label) -> Bool { (a.name, a.value) < (b.name, b.value) }
}
