import CallbacksFunction
import FetchFunction
import Foundation
import FunctionClients
import FunctionHost
import HTTPServer
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import SeparateFunction
import ServiceContract
import ServiceLifecycle
import StorageServer
import TestSupport
import Testing
import UploadFunction

/// The three functions over a real Redis and a storage server.
struct Stack: Sendable {
    let host: RunningHost
    let redis: ServerProcess
    let queue: RedisJobQueue
    let storage: S3Client

    static let token = "webhook-token"
    static let signingSecret = "what sessions and share links are signed with"

    func keys(_ bucket: String) async throws -> [String] {
        var keys: [String] = []
        for try await object in storage.objects(bucket) { keys.append(object.key) }
        return keys
    }

    /// Whether nothing at all is stored, unfinished uploads in parts among it.
    func isEmpty(_ bucket: String) async throws -> Bool {
        let keys = try await keys(bucket)
        let uploads = try await storage.unfinishedUploads(bucket)
        return keys.isEmpty && uploads.isEmpty
    }

    /// Stores a song as any client of the storage would.
    @discardableResult
    func put(_ key: String, _ text: String = "song", metadata: [String: String] = [:]) async throws -> PutResult {
        try await storage.put(
            "queue", key, body: .bytes(Data(text.utf8)), contentType: "audio/mpeg", metadata: metadata)
    }

    /// The job of an object under a key without an id, as notifications name it.
    func id(ofObject key: String, options: JobOptions = JobOptions(), asked: String? = nil) async throws -> JobID {
        let head = try #require(try await storage.head("queue", key))
        return Job(
            write: ObjectWrite(bucket: "queue", key: key, eTag: head.eTag, lastModified: head.lastModified),
            options: options, asked: asked
        ).id
    }

    func job(_ id: String) async throws -> Job? { try await queue.job(#require(JobID(id))) }

    /// Claims the next job and finishes it as a worker does, with stems of these bytes.
    @discardableResult
    func separate(_ stems: [(String, Data)]) async throws -> Manifest {
        guard let claim = try await queue.claim(worker: "w", wait: .seconds(10)) else { throw TestFailure("no job") }
        let manifest = try await store(stems, for: claim.job)
        _ = try await queue.seal(claim, manifest: manifest)
        _ = try await queue.commit(claim, manifest: manifest)
        return manifest
    }

    func store(_ stems: [(String, Data)], for job: Job) async throws -> Manifest {
        var records: [StemRecord] = []
        for (name, data) in stems {
            let put = try await storage.put(
                "output", "\(job.id)/\(name).wav", body: .bytes(data), contentType: "audio/wav")
            records.append(
                StemRecord(name: name, file: "\(name).wav", size: data.count, eTag: put.eTag, contentType: "audio/wav"))
        }
        let manifest = Manifest(
            job: job.id, model: "starter", filename: job.filename, duration: 10, sampleRate: 44100, stems: records,
            separationSeconds: 2, warnings: ["A frame was damaged."], owner: job.owner)
        _ = try await storage.put(
            "output", Manifest.key(of: job.id), body: .bytes(try manifest.encoded()), contentType: "application/json")
        return manifest
    }

    /// Queues a song through `/separate` and returns its job.
    func queued(_ filename: String = "song.mp3") async throws -> JobID {
        let id = JobID.random()
        try await put("\(id)/\(filename)")
        let body = Data("{\"bucket\":\"queue\",\"key\":\"\(id)/\(filename)\"}".utf8)
        let reply = try await separatePost(body)
        guard reply.text.contains("\"queued\"") else { throw TestFailure(reply.text) }
        return id
    }

    func separatePost(_ body: Data, headers: HTTPHeaders = [:]) async throws -> Reply {
        var headers = headers
        headers["Authorization"] = "Bearer \(Self.token)"
        return try await host.send("POST", "/separate", headers: headers, body: .bytes(body))
    }
}

/// The storage, but for objects whose keys say that they are poison: nobody can look at them.
struct PoisonedStorage: HTTPTransport {
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        if request.method == "HEAD", request.url.contains("poison") { throw HTTPError.headersTooLarge(limit: 65_536) }
        return try await CurlTransport().send(request)
    }
}

/// Runs `body` over a stack of its own. With `notifies` the bucket's notifications go to `/separate`.
func withStack(
    notifies: Bool = false, heartbeat: Duration = .seconds(15), streamAge: Duration = .seconds(900),
    upkeep: UpkeepSchedule = UpkeepSchedule(),
    lease: Duration = .seconds(30), queueLimit: Int? = nil,
    fetch: @Sendable (inout FetchSettings) -> Void = { _ in },
    transport: any HTTPTransport = CurlTransport(), keys: KeyRing? = nil, origins: AllowedOrigins = AllowedOrigins(),
    configure: @Sendable (inout HostConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (Stack) async throws -> Void
) async throws {
    let redis = try ServerProcess.redis()
    let directory = try TemporaryDirectory()
    let hostPort = try freePort()
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var configuration = StorageServer.Configuration(
        port: 0, directory: directory.url, accessKey: "key", secretKey: "secret")
    configuration.webhooks = [
        WebhookTarget(id: "separate", endpoint: "http://127.0.0.1:\(hostPort)/separate", token: Stack.token)
    ]
    configuration.webhookInterval = .milliseconds(200)
    configuration.origins = origins
    let signer = TokenSigner(secret: Stack.signingSecret)
    let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let server = StorageServer(configuration: configuration, logger: quiet, onRunning: { port.yield($0) })
    let group = ServiceGroup(services: [server], logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        guard let storagePort = await iterator.next() else { throw TestFailure("the storage did not listen") }
        let client = S3Client(
            try S3Configuration(endpoint: "http://127.0.0.1:\(storagePort)", accessKey: "key", secretKey: "secret"),
            transport: CurlTransport())
        try await client.createBucket("queue")
        try await client.createBucket("output")
        if notifies {
            let target = QueueConfiguration(
                id: "separate", arn: "arn:minio:sqs::separate:webhook", events: ["s3:ObjectCreated:*"])
            try await client.setNotification("queue", [target])
        }
        let queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(redis.port)/0",
            options: QueueOptions(lease: lease, timeouts: .init(patience: .milliseconds(500))))
        var inner = S3Client(client.configuration, transport: transport)
        inner.retry.attempts = 1
        let (storage, jobs) = (StorageAccess(client: inner), QueueAccess(jobs: queue, keys: keys))
        var fetchSettings = FetchSettings.usual
        fetchSettings.streamAge = streamAge
        fetch(&fetchSettings)
        let functions: [any Function] = [
            UploadFunction(
                storage: storage,
                queueLimit: queueLimit.map { ($0, QueueGauge(queue: jobs, logger: quiet, memory: .seconds(2))) },
                queue: jobs),
            SeparateFunction(storage: storage, queue: jobs, token: Stack.token, schedule: upkeep, logger: quiet),
            FetchFunction(
                storage: storage, queue: jobs, signer: signer, heartbeat: heartbeat, settings: fetchSettings),
            CallbacksFunction(queue: jobs, signer: signer, sender: nil),
        ]
        let result: Result<Void, any Error>
        do {
            try await withHost(
                functions,
                configure: {
                    $0.port = hostPort
                    $0.keys = keys
                    $0.signer = signer
                    $0.origins = origins
                    configure(&$0)
                },
                { try await body(Stack(host: $0, redis: redis, queue: queue, storage: client)) })
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        _ = directory
        try result.get()
    }
}
