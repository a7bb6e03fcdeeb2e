/// A web address that is told of bucket events, as MinIO's `MINIO_NOTIFY_WEBHOOK_…_<ID>` settings.
public struct WebhookTarget: Sendable, Equatable {
    /// Names the target in its ARN, `arn:minio:sqs::ID:webhook`.
    public var id: String
    /// Where events are posted.
    public var endpoint: String
    /// Sent as `Authorization: Bearer TOKEN`, or as it is when it has two words; none when empty.
    public var token: String

    /// A target.
    public init(id: String, endpoint: String, token: String = "") {
        self.id = id
        self.endpoint = endpoint
        self.token = token
    }

    /// The target's name in notification configurations, without a region as MinIO writes it.
    public var arn: String { "arn:minio:sqs::\(id):webhook" }

    /// Whether an ARN means this target; its region may be empty or any.
    func matches(_ arn: String) -> Bool {
        let words = arn.split(separator: ":", omittingEmptySubsequences: false)
        return words.count == 6 && words[0] == "arn" && words[1] == "minio" && words[2] == "sqs" && words[4] == id
            && words[5] == "webhook"
    }

    /// The `Authorization` field.
    var authorization: String? {
        let words = token.split(separator: " ")
        return words.isEmpty ? nil : words.count == 1 ? "Bearer \(words[0])" : token
    }
}

extension WebhookTarget: CustomStringConvertible {
    /// Without the token, which logs must not hold.
    public var description: String { "WebhookTarget(\(id), \(endpoint))" }
}
