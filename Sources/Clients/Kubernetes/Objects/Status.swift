/// Why the API server refused a call: the body of its answers that are not 2xx, and the object of a watch's ERROR event.
public struct Status: Sendable, Equatable, Codable {
    /// What the status is about.
    public struct Details: Sendable, Equatable, Codable {
        /// The object's name.
        public var name: String?
        /// The object's API group.
        public var group: String?
        /// The object's resource or kind.
        public var kind: String?
        /// What is wrong with each field.
        public var causes: [Cause]?
        /// How long to wait before trying again, in seconds.
        public var retryAfterSeconds: Int?
    }

    /// What is wrong with one field.
    public struct Cause: Sendable, Equatable, Codable {
        /// A word for programs.
        public var reason: String?
        /// A sentence for people.
        public var message: String?
        /// The field's path.
        public var field: String?
    }

    /// A sentence for people.
    public var message: String?
    /// A word for programs: `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`, …; the list is open.
    public var reason: String?
    /// What it is about.
    public var details: Details?
    /// The HTTP status code.
    public var code: Int?

    /// A status.
    public init(message: String? = nil, reason: String? = nil, details: Details? = nil, code: Int? = nil) {
        self.message = message
        self.reason = reason
        self.details = details
        self.code = code
    }
}
