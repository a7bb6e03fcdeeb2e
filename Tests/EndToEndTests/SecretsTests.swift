import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import TestSupport
import Testing

/// No process says a secret, however much it is asked to say and whatever goes wrong.
@Suite struct SecretsTests {
    private let redisPassword = "redis-secret-7391"
    private let storageSecret = "storage-secret-5528"
    private let webhookToken = "webhook-secret-8046"
    private let wrongKey = "msaas_wrong-secret-1337"

    @Test func secretsAreNeverLogged() async throws {
        let folder = try TemporaryDirectory()
        let redis = try ServerProcess.redis(["--requirepass", redisPassword])
        let hostPort = try freePort()
        let (apiKey, keyFile) = try await makeKey(in: folder)
        var environment = [
            "LOG_LEVEL": "trace", "REDIS_URL": "redis://:\(redisPassword)@127.0.0.1:\(redis.port)/0",
            "S3_ACCESS_KEY": "msaas", "S3_SECRET_KEY": storageSecret, "WEBHOOK_TOKEN": webhookToken,
            "MSAAS_API_KEYS_FILE": keyFile, "MSAAS_SWEEP_SECONDS": "1",
            "MSAAS_MODELS": Places.repository.appending(path: "models").path,
        ]
        let storage = try ServerProcess(
            [
                program("msaas"), "storage", "--port", "{port}", "--data", "{directory}", "--webhook",
                "separate=http://127.0.0.1:\(hostPort)/separate",
            ], environment: environment)
        environment["S3_ENDPOINT"] = "http://127.0.0.1:\(storage.port)"
        let client = S3Client(
            try S3Configuration(
                endpoint: "http://127.0.0.1:\(storage.port)", accessKey: "msaas", secretKey: storageSecret),
            transport: CurlTransport())
        try await client.createBucket("queue")
        try await client.createBucket("output")
        try await client.setNotification(
            "queue",
            [QueueConfiguration(id: "s", arn: "arn:minio:sqs::separate:webhook", events: ["s3:ObjectCreated:*"])])
        environment["HOST"] = "127.0.0.1"
        environment["PORT"] = String(hostPort)
        let log = folder.path + "/host-and-worker.log"
        let host = try ChildProcess([program("function-host")], environment: environment, output: log)
        let worker = try ChildProcess([program("worker")], environment: environment, output: log)
        defer { for process in [host, worker] { process.kill() } }

        let service = Service(port: hostPort)
        _ = try await eventually("the host answers") { try? await service.status("GET", "/healthz", key: nil) }
        // All goes well,
        let clip = try await Data(contentsOf: DemoSong.cut(seconds: 2, to: folder.url))
        #expect(try await service.status("POST", "/upload", key: apiKey, body: clip) == 202)
        let presigned = try await service.answer("POST", "/upload?presign=1", key: apiKey)
        #expect(presigned.status == 200)
        let queue = try RedisJobQueue(url: environment["REDIS_URL"] ?? "")
        _ = try await eventually("the song is separated") {
            try await queue.recent(limit: 1).first?.state == .done ? true : nil
        }
        // and then nothing does: wrong keys and tokens, wrong signatures, and everything gone.
        #expect(try await service.status("POST", "/upload", key: wrongKey, body: clip) == 401)
        #expect(try await service.status("POST", "/separate", key: wrongKey, body: Data("{}  ".utf8)) == 401)
        var wrongSecret = client.configuration
        wrongSecret.credentials.secretKey = storageSecret + "-wrong"
        await #expect(throws: S3Error.self) {
            try await S3Client(wrongSecret, transport: CurlTransport()).get("queue", "key")
        }
        redis.kill()
        #expect(try await service.status("GET", "/fetch", key: apiKey) == 503)
        #expect(try await service.status("POST", "/upload", key: apiKey, body: clip) == 202)
        _ = try await eventually("the worker says that Redis is away") { read(log).contains("Redis") ? true : nil }
        let storageLog = storage.output
        storage.kill()
        #expect(try await service.status("POST", "/upload", key: apiKey, body: clip) == 503)

        let said = read(log) + storageLog + storage.output
        #expect(said.count > 1000, "the processes have said something")
        let signature = try #require(presigned.text.firstMatch(of: /X-Amz-Signature=([0-9a-f]{64})/)).1
        for secret in [redisPassword, storageSecret, webhookToken, apiKey, wrongKey, String(signature)] {
            let line = said.split(separator: "\n").first { $0.contains(secret) }
            #expect(line == nil)
        }
    }

    /// A key made with `msaas key`, and a file with its entry.
    private func makeKey(in folder: TemporaryDirectory) async throws -> (key: String, file: String) {
        let file = folder.path + "/keys.yaml"
        let process = try ChildProcess(
            ["sh", "-c", "\(program("msaas")) key studio --rate 1000/s >> \(file) 2> \(folder.path)/key"])
        guard await process.wait() == 0 else { throw TestFailure("msaas key failed") }
        let key = try #require(read(folder.path + "/key").firstMatch(of: /msaas_[0-9a-f]{64}/)).output
        #expect(!read(file).contains(key) && read(file).contains("rate: 1000/s"))
        return (String(key), file)
    }

    private func program(_ name: String) -> String { Places.products.appending(path: name).path }

    private func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    /// The functions, as a client without any help sees them.
    private struct Service {
        let port: Int
        let transport = CurlTransport()

        func answer(_ method: String, _ path: String, key: String?, body: Data? = nil) async throws -> (
            status: Int, text: String
        ) {
            var headers = HTTPHeaders()
            if let key { headers.add("Authorization", "Bearer \(key)") }
            let response = try await transport.send(
                HTTPRequest(
                    method: method, url: "http://127.0.0.1:\(port)\(path)", headers: headers,
                    body: body.map { .bytes($0) } ?? .empty))
            return (response.status, String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self))
        }

        func status(_ method: String, _ path: String, key: String?, body: Data? = nil) async throws -> Int {
            try await answer(method, path, key: key, body: body).status
        }
    }
}
