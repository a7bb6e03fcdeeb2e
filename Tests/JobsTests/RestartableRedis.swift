import TestSupport

/// A Redis with an append-only file that can be killed and started again on the same port and data.
final class RestartableRedis {
    let port: Int
    private let directory: TemporaryDirectory
    private var process: ChildProcess?

    init() throws {
        port = try freePort()
        directory = try TemporaryDirectory()
        try start()
    }

    /// Starts it; it may take a moment until it answers.
    func start() throws {
        process = try ChildProcess([
            "redis-server", "--port", String(port), "--bind", "127.0.0.1", "--dir", directory.path, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always",
        ])
    }

    /// As a power failure would.
    func kill() { process?.kill() }
}
