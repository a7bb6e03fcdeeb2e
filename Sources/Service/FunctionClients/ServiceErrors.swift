import FunctionHost
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import ServiceContract

/// Runs `work`; trouble with the storage or with Redis is logged and becomes a 503 that says to try again, or a 507 when the
/// storage is full.
///
/// Everything else, ``Problem`` and cancellation among it, passes through.
public func withServiceProblems<Value>(
    _ logger: Logger, isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Value
) async throws -> Value {
    do {
        return try await work()
    } catch let error as RedisError {
        logger.error("the queue is not available", metadata: ["error": .string("\(error)")])
        throw Problem.unavailable("The job queue cannot be reached at the moment; try again in a few seconds.")
    } catch let error as S3Error where error.isStorageFull {
        logger.error("the storage is full", metadata: ["error": .string("\(error)")])
        throw Problem(
            .storageFull, detail: "The storage is full; send the song again once the operator has made room.",
            headers: [.retryAfter: "60"])
    } catch let error as S3Error {
        logger.error("the storage refused", metadata: ["error": .string("\(error)")])
        throw Problem.unavailable("The storage cannot serve this at the moment; try again in a few seconds.")
    } catch let error as HTTPError {
        logger.error("the storage is not available", metadata: ["error": .string("\(error)")])
        throw Problem.unavailable("The storage cannot be reached at the moment; try again in a few seconds.")
    }
}

extension Problem {
    /// An owner has used what it may: 429, and when to come back.
    public init(_ quota: OverQuota) {
        self = Problem(
            .overQuota, detail: quota.description, headers: [.retryAfter: String(quota.retryAfter)])
    }

    /// An option that was refused, as the client sees it.
    public init(_ error: InvalidOption) {
        self = Problem(
            .invalidOption, detail: error.description,
            extensions: ["option": .string(String(error.name.prefix(64)))])
    }
}
