import Digests
import Foundation
import HTTPTransport
import Jobs
import LocalStack
import ObjectStorage
import ServiceClient
import TestSupport

/// `msaas up` as a process of its own, with everything it starts, on ports and in a folder that stay the same when it is
/// started again. It asks for keys; workers and storage have small disks of their own where the test may mount some.
actor ServiceUnderFire {
    enum Role: String, CaseIterable { case worker, host = "function-host", storage = "msaas", redis }
    typealias Disks = (temporary: SmallDisk, objects: SmallDisk)

    nonisolated let folder: TemporaryDirectory
    /// The disks of workers and storage; nil where this user may not mount any.
    nonisolated let disks: Disks?
    private let ports: [Int]
    private let workers: Int
    private var process: ChildProcess?
    private(set) var starts = 0

    private init(_ folder: TemporaryDirectory, workers: Int, disks: Disks?) throws {
        self.folder = folder
        self.disks = disks
        ports = try (0..<3).map { _ in try freePort() }
        self.workers = workers
    }

    /// A service while `body` runs.
    ///
    /// - Parameter megabytes: the size of the storage's disk.
    static func with(workers: Int, megabytes: Int, _ body: (ServiceUnderFire) async throws -> Void) async throws {
        let folder = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "tmp"), withIntermediateDirectories: true)
        try SongBook.makeModels(in: folder.url.appending(path: "models"))
        let more = ["admin": "  admin: true\n", "flood": "  maxWaiting: 40\n"]
        let keys = ["admin", "flood", "small"].map {
            "- name: \($0)\n  sha256: \(Self.key($0).sha256)\n" + (more[$0] ?? "")
        }
        try Data(keys.joined().utf8).write(to: folder.url.appending(path: "keys.yaml"))
        var disks: Disks?
        if let temporary = try await SmallDisk(folder.url.appending(path: "tmp"), megabytes: 192),
            let objects = try await SmallDisk(folder.url.appending(path: "data/objects"), megabytes: megabytes)
        {
            disks = (temporary, objects)
        }
        let service = try ServiceUnderFire(folder, workers: workers, disks: disks)
        let result: Result<Void, any Error>
        do { result = .success(try await body(service)) } catch { result = .failure(error) }
        await service.killAll()
        await disks?.temporary.unmount()
        await disks?.objects.unmount()
        try result.get()
    }

    /// The API key of `admin`, `flood` or `small`.
    static func key(_ name: String) -> String { "msaas_chaos_key_of_\(name)" }

    nonisolated var data: URL { folder.url.appending(path: "data", directoryHint: .isDirectory) }
    nonisolated var temporary: URL { folder.url.appending(path: "tmp", directoryHint: .isDirectory) }

    /// Starts the service and waits until it serves; what an earlier life holds is waited for.
    func start() async throws -> StackAddress {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if process?.isRunning != true { process = try launch() }
            if let address = try? StackAddress.read(from: data), address.processID == process?.processIdentifier {
                return address
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TestFailure("msaas up does not come up:\n\(log("up"))")
    }

    private func launch() throws -> ChildProcess {
        starts += 1
        return try ChildProcess(
            [
                Places.products.appending(path: "msaas").path, "up", "--data", data.path, "--port", "\(ports[0])",
                "--storage-port", "\(ports[1])", "--redis-port", "\(ports[2])", "--workers", "\(workers)",
                "--threads", "1", "-n", "starter",
            ],
            environment: SongBook.limits.merging([
                "TMPDIR": temporary.path, "MSAAS_MODELS": folder.path + "/models",
                "MSAAS_API_KEYS_FILE": folder.path + "/keys.yaml", "MSAAS_OFFERED_MODELS": "starter,damaged",
                "MSAAS_LEASE_SECONDS": "3", "MSAAS_MAX_ATTEMPTS": "8", "MSAAS_MAX_RETURNS": "200",
                "MSAAS_RECOVER_SECONDS": "0.5",
                "MSAAS_SWEEP_SECONDS": "2", "MSAAS_SWEEP_AGE_SECONDS": "4", "AUTOSCALER_GROWTH_PERIOD": "1s",
                "AUTOSCALER_STABILISATION_WINDOW": "2s", "AUTOSCALER_IDLE_WINDOW": "4s",
                "AUTOSCALER_TARGET_JOBS_PER_WORKER": "1",
            ]) { $1 }, output: folder.path + "/up.log")
    }

    /// SIGKILL to the supervisor, and with it to the autoscaler; the kernel ends its children.
    func killAll() async {
        process?.signal(SIGKILL)
        _ = await process?.wait()
    }

    /// Ends the service as an operator does.
    ///
    /// - Returns: the exit status.
    func stop() async -> Int32 {
        process?.signal(SIGTERM)
        return await process?.wait() ?? 0
    }

    /// The processes of this service, whoever started them.
    nonisolated func processes(_ role: Role? = nil) -> [Int32] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap(Int32.init).filter { pid in
            guard let found = self.role(of: pid) else { return false }
            return role == nil || found == role
        }.sorted()
    }

    private nonisolated func role(of pid: Int32) -> Role? {
        func words(_ file: String) -> [String] {
            let data = FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") ?? Data()
            return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        }
        let command = words("cmdline")
        if command.first?.hasPrefix("redis-server") == true || command.first?.hasSuffix("/redis-server") == true {
            return command.joined(separator: " ").contains(":\(ports[2])") ? .redis : nil
        }
        guard words("environ").contains("S3_ENDPOINT=http://127.0.0.1:\(ports[1])"),
            let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
        else { return nil }
        return Role(rawValue: URL(filePath: program).lastPathComponent)
    }

    nonisolated func log(_ name: String) -> String {
        let file = name == "up" ? folder.url.appending(path: "up.log") : data.appending(path: "logs/\(name).log")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(30).joined(separator: "\n")
    }
}
