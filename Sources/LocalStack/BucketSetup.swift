import ObjectStorage

/// Makes an S3 server ready for the service: both buckets, and the notification that starts a separation.
public struct BucketSetup: Sendable {
    /// The webhook's name in the server's own configuration.
    public static let webhookID = "separate"

    private let client: S3Client
    private let queue: String
    private let output: String
    private let arn: String

    /// A setup of the server that `client` talks to.
    ///
    /// - Parameter arn: the webhook as the server calls it; MinIO puts its own region, if it has one, after `sqs:`.
    public init(
        client: S3Client, queue: String = "queue", output: String = "output",
        arn: String = "arn:minio:sqs::\(webhookID):webhook"
    ) {
        self.client = client
        self.queue = queue
        self.output = output
        self.arn = arn
    }

    /// Creates what is missing; may run any number of times.
    public func ensure() async throws {
        try await client.createBucket(queue)
        try await client.createBucket(output)
        try await client.setNotification(
            queue,
            [
                QueueConfiguration(id: Self.webhookID, arn: arn, events: ["s3:ObjectCreated:*"])
            ])
    }
}
