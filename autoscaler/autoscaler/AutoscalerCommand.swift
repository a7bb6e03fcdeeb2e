import ArgumentParser

/// The autoscaler's command line.
@main
struct AutoscalerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscaler",
        abstract: "Resizes the fleet of separation workers without ever killing a job.",
        subcommands: [SimulateCommand.self, TraceCommand.self])
}
