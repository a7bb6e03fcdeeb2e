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
            guard let name = PercentEncoding.decode(pair[0], plusIsSpace: true),
                let value = PercentEncoding.decode(pair.count > 1 ? pair[1] : "", plusIsSpace: true), items.count < 100
            else { return nil }
            items.append(Item(name: name, value: value))
        }
    }

    /// The first value of `name`.
    public subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }
}
