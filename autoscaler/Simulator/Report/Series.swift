/// Backlog and workers over time, in equal steps from 0.
public struct Series: Sendable, Codable {
    /// The length of a step in seconds.
    public let step: Double
    /// The most jobs waiting within each step.
    public private(set) var backlog: [Int] = []
    /// The most workers within each step.
    public private(set) var workers: [Int] = []
    /// The most busy workers within each step.
    public private(set) var busy: [Int] = []
    private var current = (backlog: 0, workers: 0, busy: 0)

    private enum CodingKeys: CodingKey {
        case step, backlog, workers, busy
    }

    init(step: Double) { self.step = step }

    mutating func note(at time: Double, backlog: Int, workers: Int, busy: Int) {
        let index = Int(time / step)
        while self.backlog.count <= index {
            self.backlog.append(current.backlog)
            self.workers.append(current.workers)
            self.busy.append(current.busy)
        }
        current = (backlog, workers, busy)
        self.backlog[index] = max(self.backlog[index], backlog)
        self.workers[index] = max(self.workers[index], workers)
        self.busy[index] = max(self.busy[index], busy)
    }

    /// `values` in `count` columns over `span` seconds, each the highest it covers.
    func columns(_ values: [Int], _ count: Int, span: Double) -> [Int] {
        guard !values.isEmpty, count > 0, span > 0 else { return Array(repeating: 0, count: max(0, count)) }
        return (0..<count).map { column in
            let first = Int(span * Double(column) / Double(count) / step)
            let end = max(first + 1, Int(span * Double(column + 1) / Double(count) / step))
            guard first < values.count else { return 0 }
            return values[first..<min(end, values.count)].max() ?? 0
        }
    }
}
