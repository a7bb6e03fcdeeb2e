/// A distribution in a few numbers, in seconds; by the nearest rank, so that each is a value that occurred.
public struct Percentiles: Sendable, Equatable, Codable {
    /// Half are no longer.
    public var p50: Double
    /// 95 of 100 are no longer.
    public var p95: Double
    /// 99 of 100 are no longer.
    public var p99: Double
    /// The longest.
    public var max: Double
    /// The mean.
    public var mean: Double

    /// Of `values`, in any order; all zero when there are none.
    public init(_ values: [Double]) {
        let sorted = values.sorted()
        func rank(_ percent: Int) -> Double {
            sorted.isEmpty ? 0 : sorted[Swift.max(0, (sorted.count * percent + 99) / 100 - 1)]
        }
        p50 = rank(50)
        p95 = rank(95)
        p99 = rank(99)
        max = sorted.last ?? 0
        mean = sorted.isEmpty ? 0 : sorted.reduce(0, +) / Double(sorted.count)
    }
}
