import Foundation
import Synchronization
import TestSupport

/// A `redis-server` that can be stopped and started again with what it knew.
final class RedisServer: Sendable {
    let port: Int
    private let directory: TemporaryDirectory
    private let process = Mutex<Process?>(nil)

    init() async throws {
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
}
