import ArgumentParser
import CallbacksFunction
import FetchFunction
import Foundation
import FunctionHost
import Logging
import Metrics
import Observability
import SeparateFunction
import ServiceContract
import ServiceLifecycle
import StudioFunction
import Terminal
import TraceExport
import UploadFunction

/// All functions that this host knows. A new one needs its line here.
let functions: [any Function.Type] = [
    UploadFunction.self,
    SeparateFunction.self,
    FetchFunction.self,
    StudioFunction.self,
    CallbacksFunction.self,
]

/// Serves the functions until SIGTERM or SIGINT, and finishes what is in flight then.
@main
struct FunctionHostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "function-host",
        abstract: "Serves msaas functions over HTTP.",
        discussion: "Flags win over environment variables; see the README for the variables.",
        version: serviceVersion)

    @Option(name: .long, help: "Address to listen on (HOST, default 0.0.0.0).")
    var host: String?

    @Option(name: .long, help: "Port to listen on (PORT, default 8080).")
    var port: Int?

    @Option(name: .long, help: "Functions to serve, separated by commas (FUNCTION_TARGET, default all).")
    var target: String?

    @Flag(name: .long, help: "Print the functions' names and end.")
    var list = false

    static func main() async { await start() }

    func run() async throws {
        var environment = ProcessInfo.processInfo.environment
        let flags = ["HOST": host, "PORT": port.map(String.init), "FUNCTION_TARGET": target]
        environment.merge(flags.compactMapValues(\.self)) { $1 }
        let catalogue = try FunctionCatalogue(functions)
        guard !list else { return say(catalogue.names.joined(separator: "\n")) }

        try LogSettings.bootstrap(environment)
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let logger = Logger(label: "function-host")
        let configuration = try HostConfiguration(environment: environment)
        let exporter = TraceExporter(
            try TraceSettings.reading(environment), program: "msaas-function-host", metrics: metrics, logger: logger)
        let host = try FunctionHost(
            functions: catalogue.functions(
                target: configuration.target,
                environment: FunctionEnvironment(
                    variables: environment, logger: logger, keys: configuration.keys, signer: configuration.signer,
                    tracer: exporter.tracer)),
            configuration: configuration, metrics: metrics, tracer: exporter.tracer, logger: logger,
            onListening: { logger.notice("listening", metadata: ["port": .stringConvertible($0)]) })
        try await ServiceGroup(
            services: [exporter, host], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}
