import ArgumentParser
import Foundation
import LocalStack
import Logging
import ServiceContract
import ServiceLifecycle

/// `msaas up`: the whole service on this machine until Ctrl-C.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run the whole service on this machine until Ctrl-C.",
        discussion: """
            Starts redis-server, the S3 server and the functions, each a process of its own that is started again when it \
            dies, on loopback: --host and --storage-host open the functions and the S3 server to others; workers come with the first job and go when there has been none for AUTOSCALER_IDLE_WINDOW \
            (2m). Everything it keeps is in the data folder.
            """)

    @OptionGroup var stack: StackOptions

    func run() async throws {
        let configuration = try stack.configuration()
        let stack = LocalStack(configuration: configuration, logger: commandLogger())
        try await runService(stack, untilSignal: true) { address in
            say(Self.banner(address, configuration))
            try await gracefulShutdown()
            say("Stopping.")
        }
    }

    /// What a person can do now; every line works as it stands.
    private static func banner(_ address: StackAddress, _ configuration: StackConfiguration) -> String {
        let environment = ProcessInfo.processInfo.environment
        let hasKeys = ["MSAAS_API_KEYS_FILE", "MSAAS_API_KEYS"].contains { !(environment[$0] ?? "").isEmpty }
        let key = hasKeys ? "-H \"Authorization: Bearer $MSAAS_API_KEY\" " : ""
        let data = configuration.directory.relativePath
        func outside(_ host: ListeningAddress, _ url: String) -> String {
            host.isWildcard
                ? "\n             from elsewhere: \(url.replacing("//\(host.host):", with: "//\(host.publicHost):"))"
                : ""
        }
        return """
            msaas \(serviceVersion) is running. Ctrl-C stops it.
              functions  \(address.http)      curl \(key)-F file=@song.mp3 \(address.http)/upload\(outside(configuration.host, address.http))
              storage    \(address.storage)      buckets queue and output; eval "$(msaas env --data \(data))" for aws and mc\(outside(configuration.storageHost, address.storage))
              workers    \(configuration.minimumWorkers) to \(configuration.workers), \(configuration.threads) threads each
              watch      autoscaler dashboard --data \(configuration.directory.relativePath)
              data       \(configuration.directory.path) (logs in logs/)
            """
    }
}

/// Runs `body` inside the running stack. SIGINT and SIGTERM stop both: a body that waits for the graceful shutdown
/// ends by itself, any other is cancelled.
func runService(
    _ stack: LocalStack, untilSignal: Bool = false, body: @escaping @Sendable (StackAddress) async throws -> Void
) async throws {
    struct Running: Service {
        let stack: LocalStack
        let body: @Sendable (StackAddress) async throws -> Void
        func run() async throws { try await stack.run(body) }
    }
    let group = ServiceGroup(
        configuration: .init(
            services: [
                .init(
                    service: Running(stack: stack, body: body), successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .cancelGroup)
            ],
            gracefulShutdownSignals: untilSignal ? [.sigint, .sigterm] : [],
            cancellationSignals: untilSignal ? [] : [.sigint, .sigterm], logger: commandLogger()))
    try await group.run()
}

/// What commands say besides their result: warnings and errors, on standard error.
func commandLogger() -> Logger {
    var logger = Logger(label: "msaas") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel =
        ProcessInfo.processInfo.environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .warning
    return logger
}
