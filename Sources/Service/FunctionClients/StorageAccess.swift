public import EnvironmentSettings
import FunctionHost
import HTTPTransport
import ObjectStorage
import ServiceContract
import Synchronization

/// The object storage as the functions use it: one client and the names of the two buckets.
public struct StorageAccess: Sendable {
    /// The client.
    public let client: S3Client
    /// The bucket of the songs.
    public let queueBucket: String
    /// The bucket of the stems.
    public let outputBucket: String
    /// The storage's address as clients outside see it, for presigned URLs; nil when it is the client's own.
    public let publicEndpoint: String?
    private let fullness: Fullness

    /// When the storage last refused to store something since it is full.
    private final class Fullness: Sendable {
        let since = Mutex<ContinuousClock.Instant?>(nil)
    }

    /// Access through `client`.
    public init(
        client: S3Client, queueBucket: String = "queue", outputBucket: String = "output", publicEndpoint: String? = nil
    ) {
        fullness = Fullness()
        self.client = client
        self.queueBucket = queueBucket
        self.outputBucket = outputBucket
        self.publicEndpoint = publicEndpoint
    }

    /// Reads ``BucketSettings`` and `S3Configuration`; the functions of one process share the client.
    ///
    /// - Throws: `ConfigurationError` that names the variable that is missing or wrong.
    public init(environment: FunctionEnvironment) throws {
        self = try environment.shared {
            let buckets = try BucketSettings.reading(environment.variables)
            return StorageAccess(
                client: S3Client(try S3Configuration(environment: environment.variables), transport: CurlTransport()),
                queueBucket: buckets.queue, outputBucket: buckets.output, publicEndpoint: buckets.publicEndpoint)
        }
    }

    /// Stores something, and notes whether there was room for it.
    public func storing<Value>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await work()
            fullness.since.withLock { $0 = nil }
            return value
        } catch let error as S3Error where error.isStorageFull {
            fullness.since.withLock { $0 = .now }
            throw error
        }
    }

    /// Passes while the storage answers and has the queue's bucket; says `full` for five minutes after it had no room, or
    /// until it has some.
    public var readinessCheck: ReadinessCheck {
        ReadinessCheck("storage") { [client, queueBucket, fullness] in
            var client = client
            client.retry.attempts = 1
            guard try await client.bucketExists(queueBucket) else {
                throw ConfigurationError("The bucket “\(queueBucket)” does not exist; create it.")
            }
            if let since = fullness.since.withLock({ $0 }), ContinuousClock.now - since < .seconds(300) {
                throw Limited("full")
            }
        }
    }
}

/// What the environment says of the buckets.
public struct BucketSettings: Configurable {
    /// The bucket of the songs.
    public var queue = "queue"
    /// The bucket of the stems.
    public var output = "output"
    /// The storage's address as clients outside see it.
    public var publicEndpoint: String?

    /// The usual names.
    public static let usual = BucketSettings()

    /// The variables.
    public static var settings: [Setting<BucketSettings>] {
        [
            Setting("MSAAS_QUEUE_BUCKET", \.queue, .text("a bucket")),
            Setting("MSAAS_OUTPUT_BUCKET", \.output, .text("a bucket")),
            Setting("S3_PUBLIC_ENDPOINT", \.publicEndpoint, .endpoint, otherwise: "`S3_ENDPOINT`"),
        ]
    }
}
