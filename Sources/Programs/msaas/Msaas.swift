import ArgumentParser
import Foundation
import ServiceContract

/// The `msaas` command.
@main
struct Msaas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "msaas",
        abstract: "Music separation as a service: a song in, its drums, bass, other and vocals out.",
        version: serviceVersion,
        subcommands: [
            SeparateCommand.self, UpCommand.self, SubmitCommand.self, JobsCommand.self, LogsCommand.self,
            RetryCommand.self, RulesCommand.self, EnvCommand.self, KeyCommand.self, ScoreCommand.self, DemoCommand.self,
            StorageCommand.self, EventsCommand.self, SetupCommand.self,
            ModelsCommand.self, BenchmarkCommand.self,
        ])
}

/// Prints a line at once: `print` keeps it back while standard output is a pipe or a file.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Says something that is no result.
func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

/// Why a command could not do what it was asked for. Unlike a `ValidationError` it brings no usage along, which would be that of
/// `msaas` once the command runs.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
