import Foundation
import Observability
import Synchronization

/// The parts of one job, as spans of its trace and as seconds in the metrics.
struct Stages: Sendable {
    let tracer: Tracer
    let metrics: WorkerMetrics
    /// The job's place in its trace.
    let place: TraceContext

    /// Does one part.
    func run<Value>(_ name: String, attributes: [String: Span.Value] = [:], _ work: () async throws -> Value)
        async throws
        -> Value
    {
        let begin = ContinuousClock.now
        defer { metrics.stage(name, seconds: (ContinuousClock.now - begin) / .seconds(1)) }
        return try await tracer.span(name, of: place, attributes: attributes) { _ in try await work() }
    }

    /// The parts of a separation, which the separator tells of from inside: `survey` until the song is measured, `separate`
    /// until its last segment, `encode` until the stems are whole.
    func separation<Value>(_ work: (SeparationClock) async throws -> Value) async throws -> Value {
        let clock = SeparationClock()
        do {
            let value = try await work(clock)
            note(clock, error: nil)
            return value
        } catch {
            note(clock, error: "\(error)")
            throw error
        }
    }

    private func note(_ clock: SeparationClock, error: String?) {
        let (begin, measured, separated) = clock.times
        let end = Date()
        let ends = [("survey", measured), ("separate", separated), ("encode", nil)]
        var start = begin
        for (name, time) in ends {
            let isLast = time == nil
            let place = TraceContext(continuing: place)
            tracer.record(
                Span(name, at: place, from: start, to: time ?? end, error: isLast ? error : nil), at: place)
            metrics.stage(name, seconds: (time ?? end).timeIntervalSince(start))
            guard let time else { return }
            start = time
        }
    }
}

/// Takes the times of a separation, on whatever thread it tells of them.
final class SeparationClock: Sendable {
    private let marks: Mutex<(begin: Date, measured: Date?, separated: Date?)>

    init() { marks = Mutex((Date(), nil, nil)) }

    var times: (begin: Date, measured: Date?, separated: Date?) { marks.withLock { $0 } }

    func measured() { marks.withLock { $0.measured = $0.measured ?? Date() } }

    /// The stems are whole; so long ago the last segment was separated.
    func encoded(for seconds: Double) { marks.withLock { $0.separated = Date(timeIntervalSinceNow: -seconds) } }
}
