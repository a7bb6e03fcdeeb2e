import Controller
import Foundation
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import Policy

/// The whole service on one machine: `redis-server`, the S3 server, the function host and the workers, each a process
/// of its own, started in the order in which they need each other and ended in the opposite order. The autoscaler, in
/// this process, starts workers when there are jobs and ends them when there are none.
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
        return try await parts.redis.whileRunning(logger: logger) { [logger, configuration] in
            try await plan.waitForRedis()
            return try await parts.storage.whileRunning(logger: logger) {
                try await plan.wait(for: parts.storage, at: plan.address.storage + "/minio/health/ready")
                try await BucketSetup(client: plan.storageClient(), lifetimes: configuration.lifetimes).ensure()
                return try await parts.host.whileRunning(logger: logger) {
                    try await plan.wait(for: parts.host, at: plan.address.http + "/readyz")
                    return try await whileScaling(plan) {
                        try plan.announce()
                        return try await body(plan.address)
                    }
                }
            }
        }
    }

    /// Runs the autoscaler and its workers as long as `body` runs, then ends them.
    private func whileScaling<Result: Sendable>(
        _ plan: StackPlan, body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        guard configuration.workers > 0 else { return try await body() }
        var settings = configuration.scaling
        settings.minReplicas = min(configuration.minimumWorkers, configuration.workers)
        settings.maxReplicas = configuration.workers
        // With little patience, so that it is soon known when Redis is away.
        let timeouts = RedisTimeouts(connect: .seconds(1), command: .seconds(2), patience: .milliseconds(500))
        let controller = Controller(
            policy: try ScalingPolicy(settings),
            queue: try RedisJobQueue(url: plan.address.redis, options: QueueOptions(timeouts: timeouts)),
            target: WorkerFleet(
                memory: MachineMemory(worker: configuration.workerMemory), logger: logger, process: plan.parts.worker),
            leadership: SoleLeadership(identity: "msaas up"), logger: logger)
        return try await runningAlongside({ try await controller.run() }, body)
    }
}
