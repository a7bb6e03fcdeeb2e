import Foundation
import HTTPTransport
import Jobs
import KubernetesDouble
import ObjectStorage
import ServiceContract
import TestSupport

/// All programs of a cluster as processes, each with the Redis user that the manifests give to its role, on a `redis-server`
/// that was started as its pod starts it, and each with a way to the storage of its own, on which its requests are written down.
final class Household: Sendable {
    static let roles = ["setup", "upload", "separate", "fetch", "worker"]

    let redis: ServerProcess
    private let storage: ServerProcess
    private let recorders: [String: ServerProcess]
    private let processes: [ChildProcess]
    private let passwords: [String: String]
    private let folder: TemporaryDirectory
    private let ports: [String: Int]
    private let transport = CurlTransport()

    /// Starts everything and waits until it can be used.
    ///
    /// - Parameter cluster: where the autoscaler scales.
    init(cluster: DoubleServer) async throws {
        folder = try TemporaryDirectory()
        let users = Rendering.redisUsers
        passwords = Dictionary(uniqueKeysWithValues: users.map { ($0, "password-of-\($0)") })
        let secret = folder.path + "/passwords"
        try FileManager.default.createDirectory(atPath: secret, withIntermediateDirectories: true)
        for (user, password) in passwords { try Data(password.utf8).write(to: URL(filePath: "\(secret)/\(user)")) }
        // The pod's own files, but for its volume.
        let files = folder.path + "/redis"
        try FileManager.default.copyItem(atPath: Project.folder("k8s/base/redis").path, toPath: files)
        let settings = try Project.text(of: "k8s/base/redis/redis.conf").replacing(
            "dir /data\n", with: "dir \(folder.path)\n")
        try settings.write(toFile: files + "/redis.conf", atomically: true, encoding: .utf8)
        redis = try ServerProcess(
            ["sh", files + "/start.sh", "--port", "{port}", "--bind", "127.0.0.1"],
            environment: ["PASSWORDS": secret, "ACL_FILE": folder.path + "/users.acl"])

        let names = ["upload", "separate", "fetch", "callbacks"]
        ports = Dictionary(uniqueKeysWithValues: try names.map { ($0, try freePort()) })
        var common = [
            "S3_ACCESS_KEY": "root", "S3_SECRET_KEY": "secret-key", "WEBHOOK_TOKEN": "a-token", "HOST": "127.0.0.1",
            "MSAAS_SWEEP_SECONDS": "1", "MSAAS_SWEEP_AGE_SECONDS": "1", "MSAAS_RECOVER_SECONDS": "0.2",
            "MSAAS_LEASE_SECONDS": "2", "TRIAL_SECONDS": "0.3",
        ]
        func program(_ name: String) -> String { Places.products.appending(path: name).path }
        storage = try ServerProcess(
            [
                program("msaas"), "storage", "--port", "{port}", "--data", "{directory}", "--webhook",
                "separate=http://127.0.0.1:\(ports["separate"] ?? 0)/separate",
            ], environment: common)
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "recorder.py").path
        recorders = Dictionary(
            uniqueKeysWithValues: try Self.roles.map { [storage, folder] role in
                (
                    role,
                    try ServerProcess([
                        "python3", script, "{port}", "\(storage.port)", "\(folder.path)/\(role).requests",
                    ])
                )
            })
        common["TMPDIR"] = folder.path
        let environment = { [common, redis, recorders, passwords] (role: String) in
            common.merging([
                "REDIS_URL": "redis://\(role):\(passwords[role] ?? "")@127.0.0.1:\(redis.port)/0",
                "S3_ENDPOINT": "http://127.0.0.1:\(recorders[role]?.port ?? 0)",
            ]) { $1 }
        }
        _ = try await Program.run([program("msaas"), "setup"], environment: environment("setup"))
        let log = folder.path + "/log"
        var processes = try names.map { [ports] name in
            try ChildProcess(
                [program("function-host")],
                environment: environment(name).merging(["FUNCTION_TARGET": name, "PORT": "\(ports[name] ?? 0)"]) { $1 },
                output: log)
        }
        processes.append(try ChildProcess([program("TrialWorker")], environment: environment("worker"), output: log))
        let kubeconfig = folder.path + "/kubeconfig"
        try """
        current-context: c
        contexts: [{name: c, context: {cluster: c, user: u, namespace: msaas}}]
        clusters: [{name: c, cluster: {server: "\(cluster.url)"}}]
        users: [{name: u, user: {token: autoscaler}}]
        """.write(toFile: kubeconfig, atomically: true, encoding: .utf8)
        processes.append(
            try ChildProcess(
                [program("autoscaler"), "run", "--interval", "100ms", "--listen", "127.0.0.1:\(try freePort())"],
                environment: environment("autoscaler").merging(["KUBECONFIG": kubeconfig]) { $1 }, output: log))
        self.processes = processes
        for name in names {
            try await eventually("\(name) is ready") { (try? await self.get(name, "/readyz"))?.status == 200 }
        }
    }

    deinit { for process in processes { process.kill() } }

    /// Ends the worker, so that its jobs are left to others.
    func endWorker() { processes[4].kill() }

    /// The queue as a role's programs use it.
    func queue(_ role: String) throws -> RedisJobQueue {
        try RedisJobQueue(
            url: "redis://\(role):\(passwords[role] ?? "")@127.0.0.1:\(redis.port)/0",
            options: QueueOptions(lease: .seconds(2)))
    }

    /// What the processes have said.
    var log: String { (try? String(contentsOfFile: folder.path + "/log", encoding: .utf8)) ?? "" }

    /// The requests of a role to the storage, as `METHOD /path?query HTTP/1.1`.
    func requests(of role: String) -> [String] {
        ((try? String(contentsOfFile: "\(folder.path)/\(role).requests", encoding: .utf8)) ?? "")
            .split(separator: "\n").map(String.init)
    }

    /// Sends a request to a function.
    func send(
        _ method: String, _ function: String, _ path: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty
    ) async throws -> (status: Int, body: Data) {
        try await send(method, url: "http://127.0.0.1:\(ports[function] ?? 0)\(path)", headers: headers, body: body)
    }

    func send(
        _ method: String, url: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty
    ) async throws -> (status: Int, body: Data) {
        let answer = try await transport.send(HTTPRequest(method: method, url: url, headers: headers, body: body))
        return (answer.status, try await answer.body.collect(limit: 64 << 20))
    }

    func get(_ function: String, _ path: String) async throws -> (status: Int, body: Data) {
        try await send("GET", function, path)
    }

    /// Runs a command as one of Redis's users.
    func command(_ user: String, _ words: [String]) async throws -> String {
        try await Program.result(
            ["redis-cli", "-p", "\(redis.port)", "--user", user] + words,
            environment: ["REDISCLI_AUTH": passwords[user] ?? ""]
        ).text
    }

    /// Waits until a song is done.
    func done(_ job: JobID) async throws {
        try await eventually("the job is done") {
            String(decoding: try await self.get("fetch", "/fetch/\(job)").body, as: UTF8.self).contains("\"done\"")
        }
    }
}
