import ArgumentParser

/// The autoscaler's command line.
@main
struct AutoscalerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscaler",
        abstract: "Resizes the fleet of separation workers without ever killing a job.",
        subcommands: [RunCommand.self, DashboardCommand.self, SimulateCommand.self, TraceCommand.self])
}
