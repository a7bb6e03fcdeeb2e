import Foundation
import TestSupport

/// A Redis with an append-only file that can be killed and started again on the same port and data.
final class RestartableRedis {
    let port: Int
    private let directory: TemporaryDirectory
    private var process: Process?

    init() throws {
        port = try freePort()
        directory = try TemporaryDirectory()
        try start()
    }

    deinit { kill() }

    /// Starts it; it may take a moment until it answers.
    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "redis-server", "--port", String(port), "--bind", "127.0.0.1", "--dir", directory.path, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always",
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// As a power failure would.
    func kill() {
        guard let process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
