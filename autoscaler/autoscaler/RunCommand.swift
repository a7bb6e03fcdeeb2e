import ArgumentParser
import Controller
import Foundation
import Jobs
import Kubernetes
import Logging
import Policy
import ServiceLifecycle

/// `autoscaler run`: scales a Deployment until SIGTERM.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Scale the workers of a cluster by the jobs in Redis.",
        discussion: """
            A setting comes from its flag, else from the environment (AUTOSCALER_MAX_REPLICAS for --max-replicas), else from \
            the file, else it has the default given in brackets. Times are written 500ms, 90s, 5m or 1h.

            The way to the cluster is KUBECONFIG, else the pod's service account, else ~/.kube/config. Several may run: one \
            leads, and another takes over when it is gone. LOG_LEVEL sets how much is logged.
            """)

    @OptionGroup(title: "Settings")
    var options: RunOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try readable { try settings(environment) }
        Self.bootstrapLogging(environment)
        let logger = Logger(label: "autoscaler")

        let identity = configuration.identity ?? Self.makeIdentity()
        let client = try readable { try Self.client(configuration, environment) }
        let queue = try readable { try Self.queue(configuration, environment) }
        let controller = Controller(
            policy: try readable { try ScalingPolicy(configuration.policy) }, queue: queue,
            target: KubernetesTarget(
                client: client, deployment: configuration.deployment, room: configuration.memoryRoom,
                nodeSelector: configuration.nodeSelector, identity: identity, logger: logger),
            leadership: LeaseElection(
                client: client, name: configuration.leaseName, identity: identity, timing: configuration.election,
                logger: logger),
            options: configuration.options, logger: logger)
        let server = StatusServer(
            status: controller.status, host: configuration.listenHost, port: configuration.listenPort, logger: logger
        ) { logger.info("serving /healthz and /metrics", metadata: ["port": .stringConvertible($0)]) }
        // They end in reverse order, so that the last word can still be read.
        try await ServiceGroup(
            services: [server, controller], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    private func settings(_ environment: [String: String]) throws -> ControllerConfiguration {
        let path = options.config ?? environment["AUTOSCALER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let file = try path.map { path in
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ValidationError("The configuration \(path) cannot be read. Is it a file, and may you read it?")
            }
            return (text: String(decoding: data, as: UTF8.self), path: path)
        }
        return try ControllerConfiguration(flags: options.flags, environment: environment, file: file)
    }

    private static func client(
        _ configuration: ControllerConfiguration, _ environment: [String: String]
    ) throws -> KubernetesClient {
        // The next round is the retry; a call repeats only what a moment mends.
        let cluster = try ClusterConfiguration.detect(context: configuration.context, environment: environment)
        var client = KubernetesClient(cluster, retry: RetryPolicy(attempts: 2))
        client.namespace = configuration.namespace ?? client.namespace
        return client
    }

    private static func queue(
        _ configuration: ControllerConfiguration, _ environment: [String: String]
    ) throws -> RedisJobQueue {
        var options = try QueueOptions(environment: environment)
        options.timeouts = RedisTimeouts(connect: .seconds(1), command: .seconds(2), patience: .milliseconds(500))
        return try RedisJobQueue(url: configuration.redisURL, options: options)
    }

    /// Our errors are sentences for the user.
    private func readable<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as ValidationError { throw error } catch {
            throw ValidationError("\(error)")
        }
    }

    private static func makeIdentity() -> String {
        "\(ProcessInfo.processInfo.hostName)_\(String(UInt32.random(in: 0 ... .max), radix: 16))"
    }

    private static func bootstrapLogging(_ environment: [String: String]) {
        let level = environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .info
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }
}
