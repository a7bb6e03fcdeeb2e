/// A namespace's quota.
public struct ResourceQuota: Sendable, Equatable, Codable {
    /// What is allowed and used, by resource name: `requests.memory`, `limits.memory`, `pods`, …
    public struct State: Sendable, Equatable, Codable {
        /// What is allowed.
        public var hard: [String: Quantity]?
        /// What is used.
        public var used: [String: Quantity]?
    }

    /// The quota's restrictions.
    public struct Spec: Sendable, Equatable, Codable {
        /// What is allowed.
        public var hard: [String: Quantity]?
        /// Which pods it counts; all where there are none.
        public var scopes: [String]?
    }

    /// Name.
    public var metadata: ObjectMetadata
    /// What is asked.
    public var spec: Spec?
    /// What holds.
    public var status: State?

    /// What is left of a resource, at least 0; `nil` where the quota does not restrict it. `memory` is another name of
    /// `requests.memory`.
    public func left(_ resource: String) -> Quantity? {
        let names = resource == "requests.memory" ? ["requests.memory", "memory"] : [resource]
        let left = names.compactMap { name in
            (status?.hard?[name] ?? spec?.hard?[name]).map { $0 - (status?.used?[name] ?? Quantity(0)) }
        }
        return left.min().map { max($0, Quantity(0)) }
    }
}
