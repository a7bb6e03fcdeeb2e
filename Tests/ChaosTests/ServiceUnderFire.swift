import Foundation
import HTTPTransport
import Jobs
import LocalStack
import ObjectStorage
import ServiceClient
import TestSupport

/// `msaas up` as a process of its own, with everything it starts, on ports and in a folder that stay the same when it is
/// started again.
actor ServiceUnderFire {
    enum Role: String, CaseIterable { case worker, host = "function-host", storage = "msaas", redis }

    nonisolated let folder: TemporaryDirectory
    private let ports: [Int]
    private let workers: Int
    private var process: ChildProcess?
    private(set) var starts = 0

    init(workers: Int) throws {
        folder = try TemporaryDirectory()
        ports = try (0..<3).map { _ in try freePort() }
        self.workers = workers
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "tmp"), withIntermediateDirectories: true)
    }

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
            environment: [
                "TMPDIR": temporary.path, "MSAAS_MODELS": Places.repository.appending(path: "models").path,
                "MSAAS_LEASE_SECONDS": "3", "MSAAS_MAX_ATTEMPTS": "8", "MSAAS_RECOVER_SECONDS": "0.5",
                "MSAAS_SWEEP_SECONDS": "2", "MSAAS_SWEEP_AGE_SECONDS": "4", "AUTOSCALER_GROWTH_PERIOD": "1s",
                "AUTOSCALER_STABILISATION_WINDOW": "2s", "AUTOSCALER_IDLE_WINDOW": "4s",
                "AUTOSCALER_TARGET_JOBS_PER_WORKER": "1",
            ], output: folder.path + "/up.log")
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

/// Random numbers that a seed repeats (SplitMix64).
struct SeededNumbers: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// The time until the next of events that come at random, on the mean after `mean`.
    mutating func pause(mean: Duration) -> Duration {
        mean * -log(1 - Double.random(in: 0..<1, using: &self))
    }
}
