import Foundation

/// A program run to its end. It blocks, so it is called on a thread of its own.
///
/// The supervisor of one machine uses swift-subprocess. That one collects output until the pipe is closed, and a plugin's helper that
/// stays behind keeps it open; this one looks at the program itself.
struct ChildProcess {
    struct Result {
        /// The exit code; with 128 added, the signal that ended it.
        var status: Int32
        var output: Data
        var errors: Data
        var isTimedOut = false
    }

    /// An error number of the system.
    struct SystemError: Error {
        var number: Int32
        var text: String { String(cString: strerror(number)) }
    }

    var command: String
    var arguments: [String]
    var environment: [String: String]
    /// Whether it shares our standard input and error output; without, it reads nothing and its errors are collected.
    var usesTerminal: Bool
    /// When it is killed.
    var patience: Duration?

    /// Runs it. Looked up in `PATH` if the command has no slash.
    func run() throws -> Result {
        let output = try Pipe()
        let errors = try Pipe()
        let child = try start(output: output.writer, errors: errors.writer)
        output.closeWriter()
        errors.closeWriter()
        var result = Result(status: -1, output: Data(), errors: Data())
        let deadline = patience.map { ContinuousClock.now + $0 }
        var open = [output.reader, errors.reader]
        var state: Int32?
        while !open.isEmpty {
            var waits = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            let count = poll(&waits, nfds_t(waits.count), Self.slice)
            if count < 0, errno != EINTR { throw SystemError(number: errno) }
            if let deadline, ContinuousClock.now >= deadline {
                result.isTimedOut = true
                if state == nil { kill(child, SIGKILL) }
                break
            }
            // A pipe may outlive the child in its own children, or in another that was started at the same moment.
            if count == 0, state != nil { break }
            if state == nil { state = Self.end(of: child, waits: false) }
            for wait in waits where count > 0 && wait.revents != 0 {
                let chunk = Self.read(wait.fd)
                if chunk.isEmpty {
                    open.removeAll { $0 == wait.fd }
                } else if wait.fd == output.reader {
                    result.output.append(chunk)
                } else {
                    result.errors.append(chunk)
                }
            }
        }
        let end = state ?? Self.end(of: child, waits: true) ?? 0
        result.status = end & 0x7f == 0 ? end >> 8 & 0xff : 128 + end & 0x7f
        return result
    }

    /// How long a wait for output lasts before the child itself is looked at, in milliseconds.
    private static let slice: Int32 = 50

    /// How the child ended; `nil` while it runs.
    private static func end(of child: pid_t, waits: Bool) -> Int32? {
        var state: Int32 = 0
        while true {
            let ended = waitpid(child, &state, waits ? 0 : WNOHANG)
            if ended < 0, errno == EINTR { continue }
            return ended == child ? state : nil
        }
    }

    private static func read(_ descriptor: Int32) -> Data {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = Foundation.read(descriptor, &buffer, buffer.count)
        return count > 0 ? Data(buffer.prefix(count)) : Data()
    }

    private func start(output: Int32, errors: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        if !usesTerminal {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        }
        // A server ignores SIGTERM and SIGPIPE for itself, not for its children.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var words = ([command] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var child: pid_t = 0
        let number = posix_spawnp(&child, command, &actions, &attributes, &words, &variables)
        guard number == 0 else { throw SystemError(number: number) }
        return child
    }
}

/// A pipe that children get only where they are given it.
private final class Pipe {
    let reader: Int32
    private(set) var writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let result = pipe(&ends)
        for end in ends where result == 0 { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard result == 0 else { throw ChildProcess.SystemError(number: errno) }
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        close(reader)
        closeWriter()
    }

    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }
}
