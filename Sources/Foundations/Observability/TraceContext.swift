import Digests

/// A place in a distributed trace (W3C Trace Context, `traceparent`).
public struct TraceContext: Sendable, Equatable {
    /// 32 hexadecimal digits, the same for everything that belongs to a trace.
    public let traceID: String
    /// 16 hexadecimal digits, this place's own.
    public let spanID: String
    /// 16 hexadecimal digits of the place that this one continues, when there is one.
    public let parentID: String?
    /// Whether the trace is recorded.
    public private(set) var isSampled: Bool

    /// Begins a trace.
    public init(isSampled: Bool = false) {
        traceID = Self.randomDigits(bytes: 16)
        spanID = Self.randomDigits(bytes: 8)
        parentID = nil
        self.isSampled = isSampled
    }

    /// Goes on with the caller's trace; `nil` when its header is not sound.
    public init?(continuing traceparent: String?) {
        guard let traceparent,
            let match = traceparent.wholeMatch(
                of: /([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?/),
            match.1 != "ff", match.1 != "00" || match.5 == nil, match.2.contains(where: { $0 != "0" }),
            match.3.contains(where: { $0 != "0" })
        else { return nil }
        traceID = String(match.2)
        spanID = Self.randomDigits(bytes: 8)
        parentID = String(match.3)
        isSampled = (UInt8(match.4, radix: 16) ?? 0) & 1 == 1
    }

    /// Goes on with the caller's trace when its header is sound, else begins one that nobody records.
    public init(traceparent: String?) { self = TraceContext(continuing: traceparent) ?? TraceContext() }

    /// The next place of the same trace.
    public init(continuing parent: TraceContext) {
        traceID = parent.traceID
        spanID = Self.randomDigits(bytes: 8)
        parentID = parent.spanID
        isSampled = parent.isSampled
    }

    /// The same place, recorded or not.
    func sampled(_ isSampled: Bool) -> TraceContext {
        var place = self
        place.isSampled = isSampled
        return place
    }

    /// Another part of what `sibling` is a part of.
    public init(besides sibling: TraceContext) {
        traceID = sibling.traceID
        spanID = Self.randomDigits(bytes: 8)
        parentID = sibling.parentID
        isSampled = sibling.isSampled
    }

    /// The header to send with requests to others and with the answer.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    private static func randomDigits(bytes count: Int) -> String {
        // All zeros is no id.
        (0..<count).map { _ in UInt8.random(in: 1 ... .max) }.hex
    }
}
