import ArgumentParser

/// The `msaas` command.
@main
struct Msaas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "msaas",
        abstract: "Music separation as a service: a song in, its drums, bass, other and vocals out.",
        subcommands: [
            SeparateCommand.self, UpCommand.self, SubmitCommand.self, JobsCommand.self, LogsCommand.self,
            RetryCommand.self, RulesCommand.self, EnvCommand.self, KeyCommand.self, ScoreCommand.self, DemoCommand.self,
            StorageCommand.self, EventsCommand.self, SetupCommand.self,
            ModelsCommand.self, BenchmarkCommand.self,
        ])
}
