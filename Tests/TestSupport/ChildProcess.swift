import Foundation
import Synchronization

/// A program of somebody else, run as a child process.
///
/// It stands in for Foundation's `Process`, which on Linux learns of every child's end on one thread that can be held up by
/// another child: tests that start many at once then wait for ever. Here each child has a thread that waits for it.
public final class ChildProcess: Sendable {
    private struct State {
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    /// The process id, for signals.
    public let processIdentifier: pid_t
    private let state: Exit

    /// Guards what is known of the child's end.
    private final class Exit: Sendable {
        let state = Mutex(State())
    }

    /// Starts `arguments[0]`, looked up in `PATH`. Its input is empty; its output and its errors go to the end of a file.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - output: the file's path; it is made if it is missing.
    ///   - directory: the child's working directory; that of this process unless told.
    /// - Throws: ``TestFailure`` when there is no such program.
    public init(
        _ arguments: [String], environment: [String: String] = [:], output: String = "/dev/null",
        directory: String? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        try Self.closeOthers(&actions)
        if let directory { try Self.change(to: directory, &actions) }

        // Threads of a Swift program block signals; the child must not inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let argumentVector = arguments.map { strdup($0) } + [nil]
        let environmentVector = variables.map { strdup($0) } + [nil]
        defer { for text in argumentVector + environmentVector { free(text) } }
        var identifier: pid_t = 0
        let code = posix_spawnp(&identifier, arguments[0], &actions, &attributes, argumentVector, environmentVector)
        guard code == 0 else {
            throw TestFailure("\(arguments[0]) cannot be started: \(String(cString: strerror(code))). Is it installed?")
        }
        let child = identifier
        processIdentifier = child
        let exit = Exit()
        state = exit
        let thread = Thread { Self.await(child, exit) }
        thread.stackSize = 256 << 10
        thread.start()
    }

    // glibc declares these two for `_GNU_SOURCE` only, which Swift does not see.

    private static func closeOthers(_ actions: inout posix_spawn_file_actions_t) throws {
        typealias Function = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt
        let function = try function("posix_spawn_file_actions_addclosefrom_np", Function.self)
        _ = function(&actions, 3)
    }

    private static func change(to directory: String, _ actions: inout posix_spawn_file_actions_t) throws {
        typealias Function =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>
            ) -> CInt
        let function = try function("posix_spawn_file_actions_addchdir_np", Function.self)
        _ = function(&actions, directory)
    }

    private static func function<Function>(_ name: String, _ type: Function.Type) throws -> Function {
        guard let address = dlsym(nil, name) else { throw TestFailure("the C library has no \(name)") }
        return unsafeBitCast(address, to: type)
    }

    /// Waits for the child's end on a thread of its own. The child is reaped under the lock, so that nobody sends a signal to a
    /// process id that belongs to another process by then.
    private static func await(_ identifier: pid_t, _ exit: Exit) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let waiters = exit.state.withLock { state in
            var status: Int32 = 0
            waitpid(identifier, &status, 0)
            let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
            state.status = code
            defer { state.waiters = [] }
            return state.waiters.map { ($0, code) }
        }
        for (waiter, code) in waiters { waiter.resume(returning: code) }
    }

    deinit { kill() }

    /// Whether the child has not ended yet.
    public var isRunning: Bool { state.state.withLock { $0.status == nil } }

    /// Sends a signal, unless the child has ended.
    public func signal(_ number: Int32) {
        state.state.withLock { state in
            if state.status == nil { Foundation.kill(processIdentifier, number) }
        }
    }

    /// Ends the child at once. It is gone when this returns; the kernel does not take long for that.
    public func kill() {
        signal(SIGKILL)
        while isRunning { usleep(500) }
    }

    /// Waits for the child's end and gives back its exit code; 128 and more is a signal's number above 128.
    public func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            let known = state.state.withLock { state -> Int32? in
                if state.status == nil { state.waiters.append(continuation) }
                return state.status
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}

/// Programs of others that a test runs to their end.
public enum Program {
    /// Runs one and gives back its exit code and what it wrote to its output and its errors.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - directory: its working directory; the repository unless told.
    /// - Throws: ``TestFailure`` when there is no such program: a missing one is a failure, not a skip.
    public static func result(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) async throws -> (code: Int32, text: String) {
        let folder = try TemporaryDirectory()
        let log = folder.url.appending(path: "output")
        let process = try ChildProcess(
            arguments, environment: environment, output: log.path, directory: directory ?? Places.repository.path)
        let code = await process.wait()
        return (code, String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }

    /// The same for one that must succeed: what it wrote.
    ///
    /// - Throws: ``TestFailure`` with what it wrote when it fails.
    @discardableResult
    public static func run(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) async throws -> String {
        let result = try await result(arguments, environment: environment, directory: directory)
        guard result.code == 0 else {
            throw TestFailure(
                """
                \(arguments.joined(separator: " ")) failed (\(result.code)). Is everything installed (make test-packages)?
                \(result.text)
                """)
        }
        return result.text
    }
}
