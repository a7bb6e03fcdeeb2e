import Foundation
import Synchronization
import TestSupport

/// A `redis-server` that can be stopped and started again with what it knew, and frozen.
final class RedisServer: Sendable {
    let port: Int
    /// The lease that everybody who uses it goes by.
    let lease: Duration
    private let directory: TemporaryDirectory
    private let process = Mutex<Process?>(nil)

    init(lease: Duration = .seconds(30)) async throws {
        self.lease = lease
        directory = try TemporaryDirectory()
        port = try freePort()
        try await start()
    }

    deinit { stop() }

    var url: String { "redis://127.0.0.1:\(port)/0" }

    func start() async throws {
        let server = Process()
        server.executableURL = URL(filePath: "/usr/bin/env")
        server.arguments = [
            "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory.path, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always",
        ]
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.run()
        process.withLock { $0 = server }
        let probe = try queue()
        try await eventually("Redis is up") { (try? await probe.ping()) != nil }
    }

    func stop() {
        process.withLock { server in
            guard let running = server, running.isRunning else { return }
            kill(running.processIdentifier, SIGKILL)
            running.waitUntilExit()
            server = nil
        }
    }

    /// Takes the processor away from it for a while.
    func freeze(for length: Duration) async {
        guard let identifier = process.withLock({ $0?.processIdentifier }) else { return }
        kill(identifier, SIGSTOP)
        try? await Task.sleep(for: length)
        kill(identifier, SIGCONT)
    }
}
