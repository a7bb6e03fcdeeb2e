import ArgumentParser
import Controller
import EnvironmentSettings
import ExternalScaler
import Foundation
import HTTPServer
import Logging
import Observability
import Policy
import ServiceContract
import ServiceLifecycle
import Terminal

/// `keda-scaler`: tells KEDA what the policy would do.
@main
struct KEDAScalerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keda-scaler",
        abstract: "Recommend to KEDA how many workers there should be, as an external scaler over gRPC.",
        discussion: """
            A ScaledObject names it in a trigger of the type external-push, with scalerAddress and deployment in its metadata. It reads \
            Redis only, and has no rights in the cluster: who goes is chosen by Kubernetes, which may hit a worker that holds a job. Where \
            nothing else has to be scaled by KEDA, autoscaler run is the safer choice.

            Settings are those of autoscaler run: from --set, else from the environment (AUTOSCALER_MAX_REPLICAS), else from the \
            file. With MSAAS_TLS_CERTIFICATE and MSAAS_TLS_KEY it speaks TLS.
            """,
        version: serviceVersion)

    @Option(help: ArgumentHelp("Where KEDA asks (0.0.0.0:9091).", valueName: "host:port"))
    var listen = "0.0.0.0:9091"

    @Option(help: ArgumentHelp("A YAML file of settings, name: value (AUTOSCALER_CONFIG).", valueName: "file"))
    var config: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("Change a setting; repeatable.", valueName: "name=value"))
    var assignments: [String] = []

    static func main() async { await start() }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let (configuration, certificate) = try readable { try settings(environment) }
        try readable { try LogSettings.bootstrap(environment) }
        let logger = Logger(label: "keda-scaler")
        let recommender = Recommender(
            policy: try readable { try ScalingPolicy(configuration.policy) },
            queue: try readable { try configuration.queue(environment) },
            options: configuration.options, logger: logger)
        let server = ExternalScalerServer(
            recommender, deployment: configuration.deployment, host: configuration.listening.host,
            port: configuration.listening.port, certificate: certificate, logger: logger)
        // They end in reverse order, so that the open calls end first.
        try await ServiceGroup(
            services: [recommender, server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    private func settings(
        _ environment: [String: String]
    ) throws -> (ControllerConfiguration, ExternalScalerServer.Certificate?) {
        var flags = ["listen": listen]
        for assignment in assignments {
            let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw ValidationError("\"\(assignment)\" sets nothing; write name=value, as in max-replicas=10.")
            }
            guard ControllerConfiguration.names.contains(String(parts[0])) else {
                let names = ControllerConfiguration.names.joined(separator: ", ")
                throw ValidationError("There is no setting “\(parts[0])”. The settings are \(names).")
            }
            flags[String(parts[0])] = String(parts[1])
        }
        let configuration = try ControllerConfiguration(flags: flags, environment: environment, path: config)
        let certificate = try TLSFiles.reading(environment).both().map {
            ExternalScalerServer.Certificate(chain: $0.file, key: $0.key)
        }
        return (configuration, certificate)
    }
}
