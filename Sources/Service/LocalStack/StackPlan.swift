import Digests
import Foundation
import HTTPTransport
import ObjectStorage

/// The processes of one run of the service, with their ports, folders and passwords settled.
struct StackPlan: Sendable {
    struct Parts: Sendable {
        let redis: SupervisedProcess
        let storage: SupervisedProcess
        let host: SupervisedProcess
        /// The worker with a name.
        let worker: @Sendable (String) -> SupervisedProcess
    }

    let parts: Parts
    let address: StackAddress
    private let lock: DataFolderLock
    private let redisPort: Int
    private let directory: URL
    private let transport = CurlTransport()

    /// Settles everything that can go wrong before a process is started.
    init(_ configuration: StackConfiguration) throws {
        directory = configuration.directory
        try Self.makeFolders(directory)
        lock = try DataFolderLock(directory)
        let secrets = try StackSecrets.load(from: directory)
        let (host, storage) = (configuration.host, configuration.storageHost)
        let ports = (
            http: try configuration.httpPort.resolve(on: host),
            storage: try configuration.storagePort.resolve(on: storage),
            redis: try configuration.redisPort.resolve(on: .loopback)
        )
        redisPort = ports.redis
        address = StackAddress(
            http: "http://\(host.host):\(ports.http)", storage: "http://\(storage.host):\(ports.storage)",
            redis: "redis://default:\(secrets.redisPassword)@127.0.0.1:\(ports.redis)/0",
            accessKey: secrets.accessKey, secretKey: secrets.secretKey,
            processID: ProcessInfo.processInfo.processIdentifier)
        try Self.writeRedisConfiguration(in: directory, port: ports.redis, password: secrets.redisPassword)
        parts = try Self.makeParts(
            configuration, secrets: secrets, address: address, ports: (ports.http, ports.storage))
    }

    private static func makeFolders(_ directory: URL) throws {
        do {
            for name in ["", "logs", "redis", "objects"] {
                try FileManager.default.createDirectory(
                    at: directory.appending(path: name), withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw StackError.unusableDirectory(directory.path, reason: error.localizedDescription)
        }
    }

    private static func writeRedisConfiguration(in directory: URL, port: Int, password: String) throws {
        let text = """
            bind 127.0.0.1
            port \(port)
            dir "\(directory.appending(path: "redis").path)"
            appendonly yes
            save ""
            maxmemory-policy noeviction
            requirepass \(password)
            """
        try writePrivately(Data(text.utf8), to: directory.appending(path: "redis.conf"))
    }

    private static func makeParts(
        _ configuration: StackConfiguration, secrets: StackSecrets, address: StackAddress,
        ports: (http: Int, storage: Int)
    ) throws -> Parts {
        let directory = configuration.directory
        @Sendable func process(
            _ name: String, _ program: String, _ arguments: [String], _ environment: [String: String] = [:],
            holding folder: String? = nil, grace: Duration = .seconds(10)
        ) -> SupervisedProcess {
            SupervisedProcess(
                name: name, program: program, arguments: arguments,
                environment: environment.merging(["SWIFT_BACKTRACE": backtraces]) { $1 },
                folder: folder.map { directory.appending(path: $0) }, grace: grace,
                log: LogFile(url: directory.appending(path: "logs/\(name).log"), bytes: configuration.logBytes))
        }
        func ours(_ name: String) throws -> String {
            let path = configuration.binaries.appending(path: name).path
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw StackError.missingProgram(path, hint: "Build it with `swift build -c release`.")
            }
            return path
        }
        guard let redis = findInPath("redis-server") else {
            throw StackError.missingProgram("redis-server", hint: "Install it: apt-get install redis-server.")
        }
        // The rules of the queue are the same for all.
        let common = address.environment.merging(["MSAAS_LEASE_SECONDS": String(configuration.leaseSeconds)]) { $1 }
        let webhook = "\(BucketSetup.webhookID)=\(address.http)/separate"
        let program = try ours("worker")
        var settings = common
        settings["MSAAS_THREADS"] = String(configuration.threads)
        if let model = configuration.model { settings["MSAAS_MODEL"] = model }
        return Parts(
            redis: process("redis", redis, [directory.appending(path: "redis.conf").path], holding: "redis"),
            storage: process(
                "storage", try ours("msaas"),
                [
                    "storage", "--data", directory.appending(path: "objects").path, "--host",
                    configuration.storageHost.text,
                    "--port", String(ports.storage), "--webhook", webhook,
                ],
                common.merging(["WEBHOOK_TOKEN": secrets.webhookToken]) { $1 }, holding: "objects"),
            host: process(
                "host", try ours("function-host"), [],
                common.merging([
                    "HOST": configuration.host.text, "PORT": String(ports.http), "WEBHOOK_TOKEN": secrets.webhookToken,
                    "MSAAS_SIGNING_SECRET": secrets.signingSecret ?? "",
                    "S3_PUBLIC_ENDPOINT": configuration.publicStorage
                        ?? "http://\(configuration.storageHost.publicHost):\(ports.storage)",
                ]) { $1 }),
            worker: { [settings] name in
                process(name, program, [], settings.merging(["WORKER_ID": name]) { $1 }, grace: .seconds(30))
            })
    }

    /// A client of the S3 server.
    func storageClient() throws -> S3Client {
        S3Client(try S3Configuration(environment: address.environment), transport: transport)
    }

    /// Tells other commands where the service is.
    func announce() throws { try address.write(to: directory) }

    /// Takes that back.
    func release() { StackAddress.remove(from: directory) }

    /// Waits until `url` answers 200.
    func wait(for process: SupervisedProcess, at url: String) async throws {
        try await poll(process) {
            guard let response = try? await transport.send(HTTPRequest(method: "GET", url: url)) else { return false }
            _ = try? await response.body.collect(limit: 1 << 16)
            return response.status == 200
        }
    }

    /// Waits until `redis-server` accepts connections.
    func waitForRedis() async throws {
        try await poll(parts.redis) { ListeningAddress.loopback.accepts(port: redisPort) }
    }

    private func poll(_ process: SupervisedProcess, seconds: Int = 30, _ ready: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while await !ready() {
            guard ContinuousClock.now < deadline else {
                throw StackError.notReady(process.name, seconds: seconds, log: process.log.url.path)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// What a crash leaves in a log: where it was, and nothing of registers and memory, which may hold songs and keys.
let backtraces =
    "enable=yes,interactive=no,color=no,preset=friendly,registers=none,images=none,threads=crashed,limit=24,sanitize=yes"

/// The full path of a program in `PATH`.
private func findInPath(_ name: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// The passwords that the parts of the one-machine service know each other by, made once and kept in the data folder.
public struct StackSecrets: Codable, Sendable, Equatable {
    /// The S3 access key.
    public var accessKey = "msaas"
    /// The S3 secret key.
    public var secretKey = String.randomHex(bytes: 16)
    /// The password of `redis-server`.
    public var redisPassword = String.randomHex(bytes: 16)
    /// The bearer token that the storage's webhook shows to `separate`.
    public var webhookToken = String.randomHex(bytes: 16)
    /// What sessions and share links are signed with; folders of earlier versions have none.
    public var signingSecret: String?

    /// Reads the secrets of `directory`, or makes them and writes them, readable by their owner only.
    static func load(from directory: URL) throws -> StackSecrets {
        let file = directory.appending(path: "secrets.json")
        var secrets = StackSecrets()
        if let data = try? Data(contentsOf: file) { secrets = try JSONDecoder().decode(StackSecrets.self, from: data) }
        guard secrets.signingSecret == nil else { return secrets }
        secrets.signingSecret = .randomHex(bytes: 32)
        try writePrivately(JSONEncoder().encode(secrets), to: file)
        return secrets
    }
}

/// Replaces `file` in one step by a file that only its owner can read.
func writePrivately(_ data: Data, to file: URL) throws {
    let temporary = file.appendingPathExtension("new")
    try? FileManager.default.removeItem(at: temporary)
    guard
        FileManager.default.createFile(
            atPath: temporary.path, contents: data, attributes: [.posixPermissions: 0o600])
    else {
        throw StackError.unusableDirectory(file.deletingLastPathComponent().path, reason: "it cannot be written to")
    }
    guard rename(temporary.path, file.path) == 0 else {
        throw StackError.unusableDirectory(file.path, reason: String(cString: strerror(errno)))
    }
}
