import Foundation
import Logging
import Pacing
import Subprocess
import SystemPackage
import Threading

/// A child process that is started again whenever it ends, until the scope that needs it is left.
struct SupervisedProcess: Sendable {
    /// What its log file and its messages are called.
    let name: String
    /// The program: a path, or a name to look up in `PATH`.
    let program: String
    let arguments: [String]
    let environment: [String: String]
    /// A folder that only one process may work in at a time. The child holds it as long as it lives, also when it outlives
    /// its supervisor for a moment, and the next one waits for it.
    var folder: URL?
    /// How long it may take to finish after SIGTERM; then it is killed.
    let grace: Swift.Duration
    /// The file that its output is appended to.
    let log: LogFile

    /// Runs the process as long as `body` runs, then ends it.
    ///
    /// Processes nest: what is started last ends first, and nobody outlives what it depends on.
    func whileRunning<Result: Sendable>(
        logger: Logger, body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await runningAlongside({ try await supervise(logger: logger) }, body)
    }

    /// Starts the process, and again after each end: at once when it lived long, else after a growing pause.
    private func supervise(logger: Logger) async throws {
        try await runningAlongside({ await log.keepSmall(logger: logger) }) {
            var pauses = Backoff(first: .milliseconds(200), longest: .seconds(10)).pauses()
            while true {
                let started = ContinuousClock.now
                let status = try await runOnce()
                if Task.isCancelled { return }
                logger.warning(
                    "\(name) ended and is started again", metadata: ["status": "\(status)", "log": "\(log.url.path)"])
                if ContinuousClock.now - started > .seconds(30) { pauses.reset() }
                guard let length = pauses.next(), await pause(for: length) else { return }
            }
        }
    }

    private func runOnce() async throws -> TerminationStatus {
        let output = try FileDescriptor.open(
            FilePath(log.url.path), .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends its children in order.
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: grace)]
        // setpriv: the kernel ends the child should the supervisor itself be killed. flock becomes the child and leaves it
        // the lock.
        let holding = folder.map { ["flock", "--timeout", "30", "--no-fork", $0.path] } ?? []
        return try await run(
            .name("setpriv"), arguments: Arguments(["--pdeathsig", "TERM", "--"] + holding + [program] + arguments),
            environment: .inherit.updating(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })),
            platformOptions: options,
            output: .fileDescriptor(output, closeAfterSpawningProcess: true), error: .combinedWithOutput
        ).terminationStatus
    }
}

/// A file that a process appends its output to. It is cut off when it has become large: what it held is copied to `NAME.1`,
/// and the copies before that move on to `NAME.2` and `NAME.3`. The process notices nothing: it appends.
struct LogFile: Sendable {
    /// Where it is.
    let url: URL
    /// How large it may become.
    let bytes: Int
    private static let copies = 3

    /// Looks after the size until the task is cancelled.
    func keepSmall(logger: Logger) async {
        let disk = BlockingThread(name: "log")
        while await pause(for: .seconds(5)) {
            do { try await disk.run { try cutIfLarge() } } catch {
                logger.warning("\(url.path) cannot be cut off: \(error)")
            }
        }
    }

    /// Does so once. What is written between the copy and the cut is lost. Blocking.
    func cutIfLarge() throws {
        let size = (try? FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int) ?? 0
        guard size > bytes else { return }
        func copy(_ number: Int) -> URL { url.appendingPathExtension("\(number)") }
        try? FileManager.default.removeItem(at: copy(Self.copies))
        for number in (1..<Self.copies).reversed() where FileManager.default.fileExists(atPath: copy(number).path) {
            try FileManager.default.moveItem(at: copy(number), to: copy(number + 1))
        }
        try FileManager.default.copyItem(at: url, to: copy(1))
        guard truncate(url.path, 0) == 0 else {
            throw StackError.unusableDirectory(url.path, reason: String(cString: strerror(errno)))
        }
    }
}

/// Runs `service` as long as `body` runs, then cancels it and waits for it. What either throws ends both.
func runningAlongside<Result: Sendable>(
    _ service: @escaping @Sendable () async throws -> Void, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await service()
            return nil
        }
        group.addTask { try await body() }
        defer { group.cancelAll() }
        while let finished = try await group.next() {
            if let result = finished { return result }
        }
        throw CancellationError()
    }
}
