import Foundation
import FunctionHost
import HTTPTransport
import ObjectStorage
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

    /// Reads `S3_…`, `S3_PUBLIC_ENDPOINT`, `MSAAS_QUEUE_BUCKET` and `MSAAS_OUTPUT_BUCKET`; the functions of one process
    /// share the client.
    ///
    /// - Throws: an error that names the variable that is missing or wrong.
    public init(environment: FunctionEnvironment) throws {
        self = try environment.shared {
            func value(_ name: String) -> String? { environment.variables[name].flatMap { $0.isEmpty ? nil : $0 } }
            return StorageAccess(
                client: S3Client(try S3Configuration(environment: environment.variables), transport: CurlTransport()),
                queueBucket: value("MSAAS_QUEUE_BUCKET") ?? "queue",
                outputBucket: value("MSAAS_OUTPUT_BUCKET") ?? "output", publicEndpoint: value("S3_PUBLIC_ENDPOINT"))
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
