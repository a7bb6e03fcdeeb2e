import Foundation
import TestSupport

/// A terminal in a tmux server of its own, with one program in it. A missing tmux is a failure.
final class Tmux {
    private let directory: TemporaryDirectory
    private let server = Process()
    private var socket: String { directory.url.appending(path: "tmux").path }

    /// Runs `command` (for sh) in a terminal of this size; when it ends, its exit code is shown, and the terminal stays.
    init(width: Int, height: Int, environment: [String: String] = [:], _ command: String) async throws {
        directory = try TemporaryDirectory()
        // In the foreground (-D): a server that made a daemon of itself would outlive a test that fails.
        server.executableURL = URL(filePath: "/usr/bin/env")
        server.arguments = ["tmux", "-S", socket, "-f", "/dev/null", "-u", "-D"]
        server.standardInput = FileHandle.nullDevice
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        try server.run()
        let deadline = ContinuousClock.now + .seconds(60)
        while !FileManager.default.fileExists(atPath: socket) {
            guard server.isRunning, ContinuousClock.now < deadline else { throw TestFailure("tmux did not start") }
            try await Task.sleep(for: .milliseconds(20))
        }
        let variables = ["LC_ALL": "C.UTF-8", "TZ": "UTC", "COLORTERM": "", "NO_COLOR": ""].merging(environment) { $1 }
        let assignments = variables.map { "\($0.key)='\($0.value)'" }.sorted().joined(separator: " ")
        let script =
            "echo before; env \(assignments) \(command); echo \"ended $?\"; stty -a | grep -o '[-]*icanon'; exec cat"
        try run("new-session", "-d", "-x", "\(width)", "-y", "\(height)", "sh", "-c", script)
    }

    deinit {
        // Signals that can be blocked may be: a child inherits that from the thread that starts it.
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
    }

    /// What the terminal shows; with `styled`, colours as escape sequences.
    func screen(styled: Bool = false) throws -> String {
        try run(["capture-pane", "-p"] + (styled ? ["-e"] : []))
    }

    /// Presses keys, by tmux's names.
    func press(_ keys: String...) throws { try run(["send-keys"] + keys) }

    /// Gives the terminal another size.
    func resize(width: Int, height: Int) throws { try run("resize-window", "-x", "\(width)", "-y", "\(height)") }

    /// A format of tmux, such as `#{alternate_on}`.
    func value(of format: String) throws -> String {
        try run("display-message", "-p", format).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The process of the dashboard in the terminal.
    func program() throws -> Int32 {
        let shell = try value(of: "#{pane_pid}")
        let children = try Self.output("/usr/bin/env", ["pgrep", "-P", shell, "-x", "autoscaler"])
        guard let id = Int32(children.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw TestFailure("no autoscaler runs under \(shell)")
        }
        return id
    }

    /// Waits until the screen is as `condition` wants it.
    @discardableResult
    func wait(_ what: String, styled: Bool = false, until condition: (String) throws -> Bool) async throws -> String {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let screen = try screen(styled: styled)
            if try condition(screen) { return screen }
            guard ContinuousClock.now < deadline else { throw TestFailure("never \(what); the screen is:\n\(screen)") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @discardableResult private func run(_ arguments: String...) throws -> String { try run(arguments) }

    @discardableResult private func run(_ arguments: [String]) throws -> String {
        try Self.output("/usr/bin/env", ["tmux", "-S", socket] + arguments)
    }

    private static func output(_ program: String, _ arguments: [String]) throws -> String {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw TestFailure("\(arguments.joined(separator: " ")) ended with \(process.terminationStatus): \(text)")
        }
        return text
    }
}
