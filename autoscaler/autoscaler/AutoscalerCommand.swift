import ArgumentParser
import ServiceContract
import Terminal

/// The autoscaler's command line.
@main
struct AutoscalerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscaler",
        abstract: "Resizes the fleet of separation workers without ever killing a job.",
        version: serviceVersion,
        subcommands: [RunCommand.self, DashboardCommand.self, SimulateCommand.self, TraceCommand.self])

    static func main() async { await start() }
}
