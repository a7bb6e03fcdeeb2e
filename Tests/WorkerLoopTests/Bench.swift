import Foundation
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import ServiceContract
import ServiceLifecycle
import TestSupport
import WorkerLoop
import WorkerTrials

/// A Redis and a third-party object storage of one test, and workers on them.
struct Bench {
    let redis: ServerProcess
    let s3: ServerProcess
    let queue: RedisJobQueue
    let storage: S3Client
    let temporary: TemporaryDirectory

    init(
        lease: Duration = .seconds(4), attempts: Int = 3, transport: any HTTPTransport = CurlTransport()
    ) async throws {
        redis = try ServerProcess.redis()
        s3 = try ServerProcess(["moto_server", "-H", "127.0.0.1", "-p", "{port}"])
        temporary = try TemporaryDirectory()
        queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(redis.port)", options: QueueOptions(lease: lease, maxAttempts: attempts))
        storage = S3Client(
            try S3Configuration(endpoint: "http://127.0.0.1:\(s3.port)", accessKey: "test", secretKey: "test"),
            transport: transport)
        try await storage.createBucket("queue")
        try await storage.createBucket("output")
    }

    var configuration: WorkerConfiguration {
        var configuration = WorkerConfiguration(id: "worker-\(UUID().uuidString)")
        configuration.temporaryFolder = temporary.url
        configuration.recoverEvery = .milliseconds(100)
        return configuration
    }

    // MARK: - Songs

    /// Puts a song into the bucket without telling anybody.
    func stored(_ text: String, as name: String = "song.mp3", metadata: [String: String] = [:]) async throws -> Job {
        let id = JobID.random()
        let key = "\(id)/\(name)"
        let result = try await storage.put("queue", key, body: .bytes(Data(text.utf8)), metadata: metadata)
        return Job(write: ObjectWrite(bucket: "queue", key: key, eTag: result.eTag))
    }

    func submitted(
        _ text: String, as name: String = "song.mp3", options: JobOptions = .init(), budget: SongBudget = .init()
    ) async throws -> Job {
        var job = try await stored(text, as: name)
        job.options = options
        job.budget = budget
        _ = try await queue.enqueue(job)
        return job
    }

    func finished(_ id: JobID) async throws -> Job {
        try await eventually("job \(id) is finished") { try await queue.job(id)?.state.isFinished == true }
        return try await queue.job(id) ?? Job(id: id, bucket: "", key: "", filename: "")
    }

    /// Keys below `output/`.
    func outputs() async throws -> [String] {
        var keys: [String] = []
        for try await object in storage.objects("output") { keys.append(object.key) }
        return keys
    }

    func text(_ key: String) async throws -> String {
        String(decoding: try await storage.get("output", key).body.collect(limit: 1 << 20), as: UTF8.self)
    }

    /// What lies in the workers' temporary folder, below the workers' own folders.
    func leftovers() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: temporary.path).filter { $0.contains("/") }
    }

    // MARK: - Workers

    /// Runs a worker in this process while `body` runs, then drains it.
    func withWorker(
        _ configuration: WorkerConfiguration? = nil, seconds: Double = 0, separator: (any SongSeparator)? = nil,
        _ body: (ServiceGroup) async throws -> Void
    ) async throws {
        let worker = Worker(
            configuration: configuration ?? self.configuration, queue: queue, storage: storage,
            separator: separator ?? TrialSeparator(seconds: seconds), logger: quiet)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)], logger: quiet)
        )
        async let run: Void = group.run()
        do {
            try await body(group)
        } catch {
            worker.hurry()
            await group.triggerGracefulShutdown()
            try await run
            throw error
        }
        await group.triggerGracefulShutdown()
        try await run
    }

    /// Starts a worker as a process of its own.
    ///
    /// - Parameter under: a program, with its arguments, that starts the worker
    func process(
        seconds: Double, lease: Double = 4, drain: Double = 25, under: [String] = [], output: String = "/dev/null",
        environment: [String: String] = [:]
    ) throws -> ChildProcess {
        try ChildProcess(
            under + [trialWorker],
            environment: [
                "REDIS_URL": "redis://127.0.0.1:\(redis.port)", "S3_ENDPOINT": "http://127.0.0.1:\(s3.port)",
                "S3_ACCESS_KEY": "test", "S3_SECRET_KEY": "test", "MSAAS_LEASE_SECONDS": "\(lease)",
                "MSAAS_RECOVER_SECONDS": "0.1", "MSAAS_DRAIN_SECONDS": "\(drain)",
                "TRIAL_SECONDS": "\(seconds)", "TMPDIR": temporary.path,
            ].merging(environment) { $1 }, output: output)
    }

    private var quiet: Logger {
        var logger = Logger(label: "worker")
        logger.logLevel = .critical
        return logger
    }
}

/// The program of a worker without the engine, which lies beside the tests.
private let trialWorker = Places.products.appending(path: "TrialWorker").path
