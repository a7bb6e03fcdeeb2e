import ArgumentParser
import Controller
import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import LocalStack
import Logging
import ModelStore
import Observability
import Separation
import ServiceContract
import ServiceLifecycle
import Terminal
import UnixSignals
import WorkerLoop

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
        let stack = LocalStack(configuration: configuration, logger: try commandLogger())
        try await runService(stack, untilSignal: true) { address in
            say(Self.banner(address, configuration))
            try await gracefulShutdown()
            say("Stopping.")
        }
    }

    /// What a person can do now; every line works as it stands.
    private static func banner(_ address: StackAddress, _ configuration: StackConfiguration) -> String {
        let keys = try? KeySettings.reading(ProcessInfo.processInfo.environment)
        let hasKeys = keys?.file != nil || keys?.text != nil
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
              metrics    \(address.http)/metrics, \(address.storage)/minio/v2/metrics/cluster, workers' from http://127.0.0.1:9091/metrics on
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
            gracefulShutdownSignals: untilSignal ? endingSignals : [],
            cancellationSignals: untilSignal ? [] : endingSignals, logger: try commandLogger()))
    try await group.run()
}

/// The signals that end a service, also that of a terminal that closes.
var endingSignals: [UnixSignal] {
    StandardStreams.endingSignals.compactMap { [SIGINT: .sigint, SIGTERM: .sigterm, SIGHUP: .sighup][$0] }
}

/// What commands say besides their result: warnings and errors, on standard error.
func commandLogger() throws -> Logger {
    var settings = LogSettings(level: .warning)
    try settings.read(ProcessInfo.processInfo.environment)
    var logger = Logger(label: "msaas") { LineLogHandler(label: $0) }
    logger.logLevel = settings.level
    return logger
}

/// `msaas env`: the variables that let `aws`, `mc` and our own programs reach a running service.
struct EnvCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Print the environment that lets aws, mc and others reach a running service.",
        discussion: "Use it as: eval \"$(msaas env)\"")

    @OptionGroup var data: DataOption

    func run() throws {
        let address = try StackAddress.read(from: data.directory)
        var variables = address.environment
        variables["MSAAS_URL"] = address.http
        variables["AWS_ACCESS_KEY_ID"] = address.accessKey
        variables["AWS_SECRET_ACCESS_KEY"] = address.secretKey
        // For us-east-1, and only there, boto3 and the aws command presign with the old signature, which the server refuses.
        variables["AWS_DEFAULT_REGION"] = "eu-central-1"
        variables["AWS_ENDPOINT_URL"] = address.storage
        variables["MC_HOST_msaas"] = address.storage.replacing(
            "http://", with: "http://\(address.accessKey):\(address.secretKey)@")
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) { say("export \(name)='\(value)'") }
    }
}

/// Where the data of the one-machine service lives; shared by every command that starts or asks it.
struct DataOption: ParsableArguments {
    @Option(name: .customLong("data"), help: "The folder that holds the service's data.")
    var path = ".msaas"

    var directory: URL { URL(filePath: path, directoryHint: .isDirectory).standardizedFileURL }
}

/// How the one-machine service is laid out.
struct StackOptions: ParsableArguments {
    @OptionGroup var data: DataOption

    @Option(
        help:
            "The address that the functions listen on: an IPv4 or IPv6 address of this machine, localhost, 0.0.0.0 for all."
    )
    var host = "127.0.0.1"

    @Option(help: "The address that the S3 server listens on; Redis stays on loopback.")
    var storageHost = "127.0.0.1"

    @Option(help: "The HTTP port (8080, or any free one when that is taken).")
    var port: Int?

    @Option(help: "The S3 port (9000, or any free one when that is taken).")
    var storagePort: Int?

    @Option(help: "The port of redis-server (6379, or any free one when that is taken).")
    var redisPort: Int?

    @Option(help: "The most worker processes; each separates one song at a time.")
    var workers: Int?

    @Option(help: "The fewest worker processes, kept running without a job.")
    var minWorkers: Int?

    @Option(help: "Threads a worker separates with.")
    var threads: Int?

    @Option(name: [.customShort("n"), .customLong("name")], help: "The model for uploads that name none.")
    var model: String?

    func validate() throws {
        for (name, text) in [("host", host), ("storage-host", storageHost)] where ListeningAddress(text) == nil {
            throw ValidationError(
                "--\(name) is “\(text.printable)”, which is no address; write one of this machine's, such as 127.0.0.1, or 0.0.0.0 "
                    + "for all.")
        }
        for (name, port) in [("port", port), ("storage-port", storagePort), ("redis-port", redisPort)] {
            if let port, !(1...65535).contains(port) {
                throw ValidationError("--\(name) is \(port); it must be between 1 and 65535.")
            }
        }
        if let workers, !(0...256).contains(workers) {
            throw ValidationError("--workers is \(workers); it must be between 0 and 256.")
        }
        if let minWorkers, !(0...(workers ?? 256)).contains(minWorkers) {
            throw ValidationError("--min-workers is \(minWorkers); it must be between 0 and --workers.")
        }
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads is \(threads); it must be between 1 and 256.")
        }
    }

    /// The windows of the autoscaler and the lease come from the environment, as for `autoscaler run` and workers.
    func configuration() throws -> StackConfiguration {
        var configuration = StackConfiguration(directory: data.directory)
        let environment = ProcessInfo.processInfo.environment
        configuration.host = ListeningAddress(host) ?? .loopback
        configuration.storageHost = ListeningAddress(storageHost) ?? .loopback
        // Host and workers would refuse as well, but only their logs would say so.
        let access = environment.merging(["HOST": configuration.host.text, "PORT": "0"]) { $1 }
        try HostConfiguration(environment: access).checkAccess()
        _ = try EngineSettings.reading(environment)
        _ = try ModelChoice.reading(environment)
        _ = try WorkerConfiguration(environment: environment)
        try Self.checkModels(environment)
        configuration.lifetimes = try SetupSettings(environment: environment).lifetimes
        configuration.publicStorage = try BucketSettings.reading(environment).publicEndpoint
        configuration.scaling = try ControllerConfiguration(flags: [:], environment: environment).policy
        configuration.leaseSeconds =
            (try QueueOptions(environment: environment).rules[.lease] ?? QueueRule.lease.standard) / 1000
        configuration.model = model
        if let port { configuration.httpPort = .fixed(port) }
        if let storagePort { configuration.storagePort = .fixed(storagePort) }
        if let redisPort { configuration.redisPort = .fixed(redisPort) }
        if let minWorkers {
            configuration.minimumWorkers = minWorkers
            configuration.workers = max(configuration.workers, minWorkers)
        }
        if let workers { configuration.workers = workers }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        configuration.threads = threads ?? max(1, cores / max(1, configuration.workers))
        return configuration
    }

    /// Refuses to start where every song would fail for want of a model.
    private static func checkModels(_ environment: [String: String]) throws {
        let store = try ModelStore(environment: environment)
        guard try !store.list().entries.contains(where: \.isPresent),
            try ModelChoice.reading(environment).usualModel == nil
        else { return }
        throw CommandFailure(
            "There is no model in \(store.places.map(\.path).joined(separator: ", ")): set MSAAS_MODELS to the folder that holds “starter”, or run "
                + "`msaas models pull htdemucs`.")
    }
}
