import Metrics
import Synchronization

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
