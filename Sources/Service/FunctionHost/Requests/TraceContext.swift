/// A request's place in a distributed trace (W3C Trace Context, `traceparent`).
public struct TraceContext: Sendable, Equatable {
    /// 32 hexadecimal digits, the same for all requests of a trace.
    public let traceID: String
    /// 16 hexadecimal digits, this request's own.
    public let spanID: String
    /// 16 hexadecimal digits of the caller, when there was one.
    public let parentID: String?
    /// Whether the caller records the trace.
    public let isSampled: Bool

    /// Goes on with the caller's trace when its header is sound, else begins one.
    public init(traceparent header: String?) {
        spanID = Self.randomDigits(16)
        guard let header,
            let match = header.wholeMatch(of: /([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?/),
            match.1 != "ff", match.1 != "00" || match.5 == nil, match.2.contains(where: { $0 != "0" }),
            match.3.contains(where: { $0 != "0" })
        else {
            traceID = Self.randomDigits(32)
            parentID = nil
            isSampled = false
            return
        }
        traceID = String(match.2)
        parentID = String(match.3)
        isSampled = (UInt8(match.4, radix: 16) ?? 0) & 1 == 1
    }

    /// The header to send with requests to others and with the answer.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    private static func randomDigits(_ count: Int) -> String {
        (0..<count / 16).map { _ in Hexadecimal.digits(of: UInt64.random(in: 1 ... .max)) }.joined()
    }
}
