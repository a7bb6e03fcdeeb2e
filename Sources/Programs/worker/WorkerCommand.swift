import ArgumentParser
import Foundation
import Logging
import Observability
import ServiceContract
import Terminal
import WorkerLoop

/// The `worker` command: claims jobs, separates them and stores the stems, until it is told to end.
@main
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Separates the songs of the queue, one after the other.",
        discussion: """
            Redis, the object storage and everything else are configured by the environment; the README says how: \
            \(WorkerProcess.variables.joined(separator: ", ")). SIGTERM drains the worker; a second one has it give its job back at once.
            """, version: serviceVersion)

    @Option(help: "The worker's name (WORKER_ID; default: host name and process id).")
    var id: String?

    @Option(
        name: .shortAndLong, help: "The model for jobs that name none (MSAAS_MODEL; default: the best one present).")
    var name: String?

    @Option(help: "A folder of models to use instead of the shipped and the official ones.", completion: .directory)
    var repo: String?

    @Option(help: "Threads of the engine (MSAAS_THREADS; default: one a core).")
    var threads: Int?

    static func main() async { await start() }

    func run() async throws {
        var environment = ProcessInfo.processInfo.environment
        let flags = ["WORKER_ID": id, "MSAAS_MODEL": name, "MSAAS_THREADS": threads.map(String.init)]
        environment.merge(flags.compactMapValues(\.self)) { $1 }
        try LogSettings.bootstrap(environment)
        let logger = Logger(label: "worker")
        let separator = try EngineSeparator(
            repository: repo.map { URL(filePath: $0) }, environment: environment, logger: logger)
        try await WorkerProcess(environment: environment, separator: separator, logger: logger).run()
    }
}
