import Foundation
import Logging
import Subprocess
import SystemPackage

/// A child process that is started again whenever it ends, until the scope that needs it is left.
struct SupervisedProcess: Sendable {
    /// What its log file and its messages are called.
    let name: String
    /// The program: a path, or a name to look up in `PATH`.
    let program: String
    let arguments: [String]
    let environment: [String: String]
    /// How long it may take to finish after SIGTERM; then it is killed.
    let grace: Swift.Duration
    /// The file that its output is appended to.
    let log: URL

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
        var pause = Swift.Duration.milliseconds(100)
        while !Task.isCancelled {
            let started = ContinuousClock.now
            let status = try await runOnce()
            if Task.isCancelled { return }
            logger.warning(
                "\(name) ended and is started again", metadata: ["status": "\(status)", "log": "\(log.path)"])
            pause = ContinuousClock.now - started > .seconds(30) ? .milliseconds(100) : min(pause * 2, .seconds(10))
            try? await Task.sleep(for: pause)
        }
    }

    private func runOnce() async throws -> TerminationStatus {
        let output = try FileDescriptor.open(
            FilePath(log.path), .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends its children in order.
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: grace)]
        // setpriv: the kernel ends the child should the supervisor itself be killed.
        return try await run(
            .name("setpriv"), arguments: Arguments(["--pdeathsig", "TERM", "--", program] + arguments),
            environment: .inherit.updating(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })),
            platformOptions: options,
            output: .fileDescriptor(output, closeAfterSpawningProcess: true), error: .combinedWithOutput
        ).terminationStatus
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
