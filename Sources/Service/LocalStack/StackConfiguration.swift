public import Foundation
public import Policy

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
