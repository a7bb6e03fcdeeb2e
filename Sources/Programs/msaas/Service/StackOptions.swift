import ArgumentParser
import Controller
import Foundation
import FunctionHost
import Jobs
import LocalStack
import Separation
import ModelStore
import Tensors
import WorkerLoop

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
        _ = try Precision.inForce(environment: environment)
        _ = try WorkerConfiguration(environment: environment)
        try Self.checkModels(environment)
        configuration.lifetimes = try Lifetimes(environment: environment).values
        configuration.publicStorage = environment["S3_PUBLIC_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
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
        let store = ModelStore(environment: environment)
        guard try !store.list().entries.contains(where: \.isPresent), environment["MSAAS_MODEL"] ?? "" == "" else {
            return
        }
        throw CommandFailure(
            "There is no model in \(store.shipped.path): set MSAAS_MODELS to the folder that holds “starter”, or run "
                + "`msaas models pull htdemucs`.")
    }
}
