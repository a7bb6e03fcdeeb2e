import Controller
import Foundation
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import Policy
public import Foundation
public import Policy

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

/// What the one-machine service is made of: where its data lives, which ports it takes, how many workers it runs.
public struct StackConfiguration: Sendable {
    /// Everything that the service keeps: objects, the Redis append-only file, logs, generated secrets.
    public var directory: URL
    /// The address that the function host binds to. Loopback unless the operator opens it.
    public var host = ListeningAddress.loopback
    /// The address that the S3 server binds to, for clients that put songs into the bucket themselves. Redis has none: its
    /// clients are on this machine.
    public var storageHost = ListeningAddress.loopback
    /// The port of the function host (`upload`, `separate`, `fetch`).
    public var httpPort: Port = .preferred(8080)
    /// The port of the S3 server.
    public var storagePort: Port = .preferred(9000)
    /// The port of `redis-server`.
    public var redisPort: Port = .preferred(6379)
    /// The most worker processes; each separates one song at a time. There are fewer when there is less to do.
    public var workers: Int
    /// The fewest worker processes.
    public var minimumWorkers = 0
    /// When there are more and when fewer workers; its bounds are not used.
    public var scaling = Settings()
    /// What one worker may take, in bytes; there are no more workers than the machine has memory for.
    public var workerMemory: Int64 = 600_000_000
    /// Threads a worker separates with.
    public var threads: Int
    /// The model for uploads that name none; `nil` leaves the choice to the worker.
    public var model: String?
    /// How long songs and stems are kept.
    public var lifetimes = BucketSetup.Lifetimes(songs: 7, stems: 30)
    /// Where presigned addresses lead; `nil` for the S3 server as other machines reach it.
    public var publicStorage: String?
    /// How large a log may become, in bytes; it is kept three times over.
    public var logBytes = 10_000_000
    /// How long a worker's lease lasts without a renewal; after that the job goes to another worker.
    public var leaseSeconds = 30
    /// The folder with the executables `msaas`, `function-host` and `worker`.
    public var binaries: URL

    /// A service for this machine: at most one worker up to seven cores, one more for every four cores after that.
    public init(
        directory: URL, binaries: URL = executableFolder, cores: Int = ProcessInfo.processInfo.activeProcessorCount
    ) {
        self.directory = directory
        self.binaries = binaries
        workers = max(1, cores / 4)
        threads = max(1, cores / workers)
    }

    /// The folder of the executable that is running.
    public static var executableFolder: URL {
        let path =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(filePath: path).deletingLastPathComponent()
    }
}

/// Why the one-machine service could not start or go on; each says what to do.
public enum StackError: Error, CustomStringConvertible, Equatable {
    case portTaken(Int)
    case cannotBind(String)
    case missingProgram(String, hint: String)
    case notReady(String, seconds: Int, log: String)
    case alreadyRunning(directory: String, url: String?)
    case unusableDirectory(String, reason: String)
    case notRunning(directory: String)

    /// A sentence that says what to do.
    public var description: String {
        switch self {
        case .portTaken(let port):
            "Port \(port) is taken by another program. Stop it, or choose another port."
        case .cannotBind(let host):
            "Cannot listen on \(host): it is no address of this machine. Use 127.0.0.1, another one of its own, or 0.0.0.0 for all."
        case .missingProgram(let name, let hint):
            "The program \(name) was not found. \(hint)"
        case .notReady(let name, let seconds, let log):
            "\(name) was not ready after \(seconds) s. Its log is \(log)."
        case .alreadyRunning(let directory, let url):
            "A service already runs on \(directory)\(url.map { " at \($0)" } ?? ""). Stop it first, or choose another folder with "
                + "--data."
        case .unusableDirectory(let path, let reason):
            "The data folder \(path) cannot be used: \(reason)."
        case .notRunning(let directory):
            "No service runs on \(directory). Start one with `msaas up`, or name its folder with --data."
        }
    }
}
