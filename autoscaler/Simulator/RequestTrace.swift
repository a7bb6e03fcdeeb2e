import Foundation
import Pacing

/// How many requests a second came to a function, and when that changed.
public struct RequestTrace: Sendable, Equatable {
    /// From a moment on so many requests come a second.
    public struct Step: Sendable, Equatable {
        /// Seconds from the start.
        public var at: Double
        /// Requests a second.
        public var rate: Double

        /// From `at` on `rate` requests a second.
        public init(at: Double, rate: Double) { (self.at, self.rate) = (at, rate) }
    }

    /// What it is called in reports.
    public var name: String
    /// The steps in the order of their times; the last one ends the trace.
    public let steps: [Step]

    /// A trace of `steps` in any order; nothing comes before the first.
    public init(name: String, steps: [Step]) {
        self.name = name
        self.steps = steps.sorted { $0.at < $1.at }
    }

    /// Seconds from the start to the end.
    public var span: Double { steps.last?.at ?? 0 }

    /// Requests in all.
    public var requests: Double { zip(steps, steps.dropFirst()).reduce(0) { $0 + $1.0.rate * ($1.1.at - $1.0.at) } }

    /// The heading of a file of steps, which tells it from one of jobs.
    private static let heading = "at,requests"

    /// Whether `text` is a trace of requests.
    public static func isRequests(_ text: String) -> Bool {
        lines(of: text).first { !$0.line.isEmpty && !$0.line.hasPrefix("#") }?.line == heading
    }

    /// Reads comma-separated values: the heading `at,requests`, then a line for each step with its time in seconds and the requests
    /// a second from then on. The last line ends the trace. Empty lines and lines that begin with `#` are skipped.
    ///
    /// - Throws: `TraceError` naming the first line that cannot be read.
    public init(name: String, text: String) throws(TraceError) {
        var steps: [Step] = []
        for (number, line) in Self.lines(of: text) where !line.isEmpty && !line.hasPrefix("#") && line != Self.heading {
            func fails(_ problem: String) -> TraceError { TraceError(name: name, line: number, problem: problem) }
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
            guard fields.count == 2, let at = fields[0], let rate = fields[1] else {
                throw fails("\"\(line.prefix(60))\" is no step such as 60,2000: seconds, requests a second.")
            }
            guard at >= 0, at <= Trace.longestSpan else {
                throw fails("The time \(at) is not between 0 and \(Int(Trace.longestSpan)) seconds.")
            }
            guard rate >= 0, rate <= 1e9 else { throw fails("The rate \(rate) is not between 0 and 1000000000.") }
            steps.append(Step(at: at, rate: rate))
        }
        guard steps.count >= 2 else {
            throw TraceError(
                name: name, line: nil, problem: "A trace of requests has two lines or more: the last is its end.")
        }
        self.init(name: name, steps: steps)
    }

    private static func lines(of text: String) -> [(number: Int, line: String)] {
        text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().map { index, line in
            (index + 1, line.lowercased().filter { !$0.isWhitespace })
        }
    }
}

/// The traces of requests that come with the simulator.
public enum SampleRequests: String, CaseIterable, Sendable {
    /// Ten requests a second, but for 20 seconds with 2,000.
    case flood
    /// Two hours between 50 and 600 a second, with a burst of up to ten times that every few minutes.
    case waves

    /// The trace; the same every time.
    public func make() -> RequestTrace {
        var steps: [RequestTrace.Step] = []
        switch self {
        case .flood: steps = [(0, 10), (120, 2000), (140, 10), (420, 10)].map { .init(at: $0, rate: $1) }
        case .waves:
            var generator = SeededGenerator(seed: 2024)
            var burst = (from: 60.0, to: 60.0, factor: 1.0)
            for second in 0...7200 {
                let time = Double(second)
                if time >= burst.to, time >= burst.from {
                    let from = time + 60 + generator.fraction() * 400
                    burst = (from, from + 2 + generator.fraction() * 40, 2 + generator.fraction() * 8)
                }
                // A wave of straight lines, so that every machine agrees.
                let place = (time / 3600).truncatingRemainder(dividingBy: 1)
                let base = 50 + 550 * (1 - abs(2 * place - 1))
                let isBurst = time >= burst.from && time < burst.to
                let rate = base * (isBurst ? burst.factor : 1) * (0.9 + 0.2 * generator.fraction())
                steps.append(.init(at: time, rate: rate.rounded()))
            }
        }
        return RequestTrace(name: rawValue, steps: steps)
    }
}
