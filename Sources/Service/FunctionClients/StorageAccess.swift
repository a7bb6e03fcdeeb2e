import Foundation
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

/// Options that a form brought after its song.
///
/// An object's metadata has to be told before its bytes, so such options lie in an object of their own beside the song,
/// `{job}/.options`, as its metadata. It is stored before the song can be seen, and it goes with the song: whoever looks
/// at a song with the ``mark`` looks here, too. No upload can have this name, since leading dots are taken off.
public enum LateOptions {
    /// The metadata of songs that may have late options.
    public static let mark = "late-options"
    private static let name = ".options"

    /// Whether the key is that of late options and not of a song.
    public static func areAt(_ key: String) -> Bool { key.hasSuffix("/" + name) }

    /// Stores the options of the song `key`.
    public static func store(_ options: JobOptions, of key: String, client: S3Client, bucket: String) async throws {
        guard let place = place(beside: key) else { return }
        try await client.put(bucket, place, body: .empty, metadata: options.metadata)
    }

    /// The metadata that counts for the song `key`: its own, and what late options say.
    public static func metadata(
        of song: ObjectHead, _ key: String, client: S3Client, bucket: String
    ) async throws -> [String: String] {
        guard song.metadata[mark] != nil, let place = place(beside: key),
            let late = try await client.head(bucket, place)
        else { return song.metadata }
        return song.metadata.merging(late.metadata) { $1 }
    }

    private static func place(beside key: String) -> String? {
        key.lastIndex(of: "/").map { key[...$0] + name }
    }
}
