import Foundation
import HTTPTransport
import Logging
import ObjectStorage

/// The whole service on one machine: `redis-server`, the S3 server, the function host and the workers, each a process
/// of its own, started in the order in which they need each other and ended in the opposite order.
public struct LocalStack: Sendable {
    private let configuration: StackConfiguration
    private let logger: Logger

    /// A service that is not running yet.
    public init(configuration: StackConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Starts everything, calls `body` once uploads are served, and stops everything when `body` returns, throws or
    /// is cancelled. A process that dies meanwhile is started again.
    ///
    /// - Throws: ``StackError`` when a part cannot be started; what `body` throws.
    public func run<Result: Sendable>(
        _ body: @escaping @Sendable (StackAddress) async throws -> Result
    ) async throws -> Result {
        let plan = try StackPlan(configuration)
        defer { plan.release() }
        let parts = plan.parts
        return try await parts.redis.whileRunning(logger: logger) { [logger] in
            try await plan.waitForRedis()
            return try await parts.storage.whileRunning(logger: logger) {
                try await plan.wait(for: parts.storage, at: plan.address.storage + "/minio/health/ready")
                try await BucketSetup(client: plan.storageClient()).ensure()
                return try await parts.host.whileRunning(logger: logger) {
                    try await plan.wait(for: parts.host, at: plan.address.http + "/readyz")
                    return try await runWorkers(parts.workers[...], logger: logger) {
                        try plan.announce()
                        return try await body(plan.address)
                    }
                }
            }
        }
    }
}

/// Nests the workers into each other, so that `body` runs inside all of them.
private func runWorkers<Result: Sendable>(
    _ workers: ArraySlice<SupervisedProcess>, logger: Logger, body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    guard let first = workers.first else { return try await body() }
    let others = workers.dropFirst()
    return try await first.whileRunning(logger: logger) {
        try await runWorkers(others, logger: logger, body: body)
    }
}
