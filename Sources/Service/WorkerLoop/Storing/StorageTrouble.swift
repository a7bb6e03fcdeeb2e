import HTTPTransport
import ObjectStorage

/// What the storage's errors mean to a worker.
enum StorageTrouble {
    /// Whether the storage is away or overloaded, rather than refusing this very request.
    static func isTransient(_ error: any Error) -> Bool {
        switch error {
        case let error as S3Error: error.isTransient
        case let error as HTTPError: error.isTransient
        default: false
        }
    }
}
