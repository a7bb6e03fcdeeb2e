import Foundation

/// A terminal in a tmux server of its own, with one command in it. A missing tmux is a failure.
public final class Tmux: Sendable {
    private let directory: TemporaryDirectory
    private let server: ChildProcess
    private var socket: String { directory.path + "/tmux" }
    private var record: String { directory.path + "/record" }

    /// Runs `command` (for sh) in a terminal of this size; when it ends, its exit code is shown, and the terminal stays.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own and to the usual of a terminal without colours.
    ///   - directory: where the command runs; a folder of its own unless told.
    public init(
        columns: Int, lines: Int, environment: [String: String] = [:], directory: String? = nil, _ command: String
    ) async throws {
        self.directory = try TemporaryDirectory()
        let folder = self.directory.path
        // In the foreground (-D): a server that made a daemon of itself would outlive a test that fails.
        server = try ChildProcess(["tmux", "-S", folder + "/tmux", "-f", "/dev/null", "-u", "-D"])
        try await eventually("tmux is up", within: .seconds(60)) { [server] in
            guard server.isRunning else { throw TestFailure("tmux did not start") }
            return FileManager.default.fileExists(atPath: folder + "/tmux")
        }
        let variables = ["LC_ALL": "C.UTF-8", "TZ": "UTC", "COLORTERM": "", "NO_COLOR": ""].merging(environment) { $1 }
        let assignments = variables.map { "\($0.key)='\($0.value)'" }.sorted().joined(separator: " ")
        // The command waits until what the terminal gets is recorded.
        let script = """
            until [ -e '\(record)' ]; do sleep 0.01; done
            echo before; export \(assignments); \(command); echo "ended $?"; stty -a | grep -o '[-]*icanon'; exec cat
            """
        try await run(
            "new-session", "-d", "-x", "\(columns)", "-y", "\(lines)", "-c", directory ?? folder, "sh", "-c", script)
        try await run("pipe-pane", "cat >> '\(record)'")
    }

    deinit { close() }

    /// Closes the terminal: whoever runs in it gets a SIGHUP.
    public func close() { server.kill() }

    /// What the terminal shows; with `styled`, colours as escape sequences.
    public func screen(styled: Bool = false) async throws -> String {
        try await run(["capture-pane", "-p"] + (styled ? ["-e"] : []))
    }

    /// All that the terminal got, in the order of its arrival: also what was overwritten since.
    public func recorded() throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: record)), as: UTF8.self)
    }

    /// Presses keys, by tmux's names.
    public func press(_ keys: String...) async throws { try await run(["send-keys"] + keys) }

    /// Gives the terminal another size.
    public func resize(columns: Int, lines: Int) async throws {
        try await run("resize-window", "-x", "\(columns)", "-y", "\(lines)")
    }

    /// A format of tmux, such as `#{alternate_on}`.
    public func value(of format: String) async throws -> String {
        try await run("display-message", "-p", format).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Waits until the screen is as `condition` wants it.
    @discardableResult
    public func wait(
        _ what: String, styled: Bool = false, until condition: (String) throws -> Bool
    ) async throws -> String {
        var screen = ""
        do {
            try await eventually(what) {
                screen = try await self.screen(styled: styled)
                return try condition(screen)
            }
        } catch let failure as TestFailure {
            throw TestFailure("\(failure); the screen is:\n\(screen)")
        }
        return screen
    }

    @discardableResult private func run(_ arguments: String...) async throws -> String { try await run(arguments) }

    @discardableResult private func run(_ arguments: [String]) async throws -> String {
        try await Program.run(["tmux", "-S", socket] + arguments)
    }
}
