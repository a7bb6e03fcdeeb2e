import Foundation
import Synchronization

/// A server started for one test on a free loopback port, ended when the test lets go of it.
public final class ServerProcess: Sendable {
    /// The port that the server listens on.
    public let port: Int
    private let arguments: [String]
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)
    private let directory: TemporaryDirectory
    private let log: URL

    /// Starts `arguments[0]` (looked up in `PATH`) and waits until its port accepts connections.
    ///
    /// - Parameter arguments: the command line; `{port}` and `{directory}` are replaced.
    public init(_ arguments: [String], environment: [String: String] = [:], timeout: TimeInterval = 60) throws {
        let directory = try TemporaryDirectory()
        let port = try freePort()
        self.directory = directory
        self.port = port
        self.environment = environment
        log = directory.url.appending(path: "server.log")
        self.arguments = arguments.map {
            $0.replacingOccurrences(of: "{port}", with: String(port))
                .replacingOccurrences(of: "{directory}", with: directory.path)
        }
        try start(timeout: timeout)
    }

    deinit { kill() }

    /// Starts it again after ``kill()``, on the same port and folder, and waits until it accepts connections.
    public func start(timeout: TimeInterval = 60) throws {
        let started = try ChildProcess(arguments, environment: environment, output: log.path)
        process.withLock { $0 = started }
        let deadline = Date() + timeout
        while !accepts(port: port) {
            guard started.isRunning, Date() < deadline else {
                throw TestFailure("\(arguments[0]) did not start: \(output)")
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// The process id, for signals.
    public var processIdentifier: Int32 { process.withLock { $0?.processIdentifier ?? 0 } }

    /// What the server has printed so far.
    public var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Ends the server at once and waits for it.
    public func kill() { process.withLock { $0 }?.kill() }

    /// Takes the processor away from it for a while.
    public func freeze(for length: Duration) async {
        let identifier = processIdentifier
        guard identifier != 0 else { return }
        _ = Glibc.kill(identifier, SIGSTOP)
        try? await Task.sleep(for: length)
        _ = Glibc.kill(identifier, SIGCONT)
    }

    /// A real `redis-server` without persistence. A missing one is a failure, not a skip.
    public static func redis(_ extra: [String] = []) throws -> ServerProcess {
        try ServerProcess(
            ["redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{directory}", "--save", ""] + extra)
    }

    /// A `redis-server` that knows after ``kill()`` and ``start(timeout:)`` what it knew before.
    public static func durableRedis() throws -> ServerProcess {
        try redis(["--appendonly", "yes", "--appendfsync", "always"])
    }
}

/// A port on 127.0.0.1 that nothing listens on at the moment.
public func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
    }
    guard bound else { throw TestFailure("no free port on 127.0.0.1") }
    return Int(UInt16(bigEndian: address.sin_port))
}

private func accepts(port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(port: port)
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

private func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}
