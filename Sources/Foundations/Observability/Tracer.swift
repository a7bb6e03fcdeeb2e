public import Foundation
import Synchronization

/// A piece of work in a trace: where it belongs, what it was, how long it took.
public struct Span: Sendable {
    /// Which side of a conversation the work was; the raw value is OpenTelemetry's.
    public enum Kind: Int, Sendable { case `internal` = 1, server, client, producer, consumer }

    /// What is known of the work.
    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case number(Double)
        case truth(Bool)
    }

    /// What was done, in words that are the same for all work of this kind.
    public var name: String
    /// Its place; ``TraceContext/parentID`` is the work that it belongs to.
    public var place: TraceContext
    /// Which side.
    public var kind: Kind
    /// When it began.
    public var start: Date
    /// When it ended.
    public var end: Date
    /// What is known of it, by OpenTelemetry's names where there are some.
    public var attributes: [String: Value]
    /// Why it came to nothing, if it did.
    public var error: String?

    /// Work that was done from `start` to `end`.
    public init(
        _ name: String, at place: TraceContext, kind: Kind = .internal, from start: Date, to end: Date = Date(),
        attributes: [String: Value] = [:], error: String? = nil
    ) {
        self.name = name
        self.place = place
        self.kind = kind
        self.start = start
        self.end = end
        self.attributes = attributes
        self.error = error
    }
}

/// Which traces are recorded: `OTEL_TRACES_SAMPLER`.
public struct TraceSampler: Sendable, Equatable {
    /// The part of the traces that begin here, 0…1.
    public var ratio: Double
    /// Whether a trace that began elsewhere is recorded as it is there.
    public var followsParent: Bool

    /// Everything, but what others do not record.
    public init(ratio: Double = 1, followsParent: Bool = true) {
        self.ratio = ratio
        self.followsParent = followsParent
    }

    func records(_ place: TraceContext) -> Bool {
        if followsParent, place.parentID != nil { return place.isSampled }
        // The last 56 bits of an id are random, whoever made it.
        let digits = UInt64(place.traceID.suffix(14), radix: 16) ?? 0
        return Double(digits) < ratio * 0x1p56
    }
}

/// Keeps the spans of this process until somebody sends them on. It holds so many and no more: what comes while it is full
/// is dropped and counted, and nobody ever waits.
public final class Tracer: Sendable {
    private struct State {
        var spans: [Span] = []
        var dropped = 0
    }

    private let sampler: TraceSampler?
    private let capacity: Int
    private let state = Mutex(State())

    /// A tracer; without a `sampler` nothing is recorded, and traces of others go on as they came.
    public init(_ sampler: TraceSampler? = nil, capacity: Int = 4096) {
        self.sampler = sampler
        self.capacity = capacity
    }

    /// The place of work that continues what `traceparent` tells of; if that is unsound or `nil`, a trace begins.
    public func place(continuing traceparent: String?) -> TraceContext {
        let place = TraceContext(traceparent: traceparent)
        guard let sampler else { return place }
        return place.sampled(sampler.records(place))
    }

    /// Takes note of work that has ended.
    public func record(_ span: @autoclosure () -> Span, at place: TraceContext) {
        guard sampler != nil, place.isSampled else { return }
        let span = span()
        state.withLock { state in
            if state.spans.count < capacity { state.spans.append(span) } else { state.dropped += 1 }
        }
    }

    /// Does `work` as a part of what was done at `parent`.
    ///
    /// - Parameter work: is told its own place.
    public func span<Value>(
        _ name: String, of parent: TraceContext, kind: Span.Kind = .internal, attributes: [String: Span.Value] = [:],
        isolation: isolated (any Actor)? = #isolation, _ work: (TraceContext) async throws -> Value
    ) async rethrows -> Value {
        let place = TraceContext(continuing: parent)
        let start = Date()
        func note(_ error: (any Error)?) {
            record(
                Span(
                    name, at: place, kind: kind, from: start, attributes: attributes,
                    error: error.map { String(describing: $0) }), at: place)
        }
        do {
            let value = try await work(place)
            note(nil)
            return value
        } catch {
            note(error)
            throw error
        }
    }

    /// Takes the oldest spans out, at most `limit`.
    public func take(_ limit: Int) -> [Span] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(limit))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    /// How many spans found no room.
    public var dropped: Int { state.withLock { $0.dropped } }
}
