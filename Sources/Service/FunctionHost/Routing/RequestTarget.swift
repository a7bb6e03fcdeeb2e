import Encodings

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
            guard let segment = String(part).percentDecoded() else { return nil }
            segments.append(segment)
        }
        while segments.last?.isEmpty == true { segments.removeLast() }
        self.segments = segments
        guard let query = QueryItems(parts.count > 1 ? parts[1] : "") else { return nil }
        self.query = query
    }
}

/// The query of a request: names and values in the order in which they came, decoded.
public struct QueryItems: Sendable, Equatable {
    /// One name with its value; the value is empty when there was no `=`.
    public struct Item: Sendable, Equatable {
        /// The name.
        public var name: String
        /// The value.
        public var value: String
    }

    /// All items.
    public var items: [Item]

    /// No items.
    public init() { items = [] }

    /// Parses a query string without its `?`.
    ///
    /// - Returns: nil when an escape is broken or not UTF-8, or there are more than 100 items.
    public init?(_ text: some StringProtocol) {
        items = []
        for part in text.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = pair[0].percentDecoded(plusIsSpace: true),
                let value = (pair.count > 1 ? pair[1] : "").percentDecoded(plusIsSpace: true), items.count < 100
            else { return nil }
            items.append(Item(name: name, value: value))
        }
    }

    /// The first value of `name`.
    public subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }
}
