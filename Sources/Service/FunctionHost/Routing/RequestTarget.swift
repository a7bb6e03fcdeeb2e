/// A request's path and query, split and decoded (RFC 3986, and `+` for a space in the query).
package struct RequestTarget: Sendable {
    /// The path as it was sent, without the query.
    package let path: String
    /// The path's segments, percent-decoded, without empty ones at the end (`/fetch/` is `/fetch`).
    package let segments: [String]
    package let query: QueryItems

    /// - Returns: nil when the path is not absolute, or an escape is broken or not UTF-8.
    package init?(_ target: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.utf8.first == UInt8(ascii: "/") else { return nil }
        self.path = String(path)
        var segments: [String] = []
        for part in path.unicodeScalars.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let segment = PercentEncoding.decode(String(part), plusIsSpace: false) else { return nil }
            segments.append(segment)
        }
        while segments.last?.isEmpty == true { segments.removeLast() }
        self.segments = segments
        guard let query = QueryItems(parts.count > 1 ? parts[1] : "") else { return nil }
        self.query = query
    }
}
