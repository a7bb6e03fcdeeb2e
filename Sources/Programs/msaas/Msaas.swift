import ArgumentParser
import ServiceContract
import Terminal

/// The `msaas` command.
@main
struct Msaas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "msaas",
        abstract: "Music separation as a service: a song in, its drums, bass, other and vocals out.",
        version: serviceVersion,
        subcommands: [
            SeparateCommand.self, WatchCommand.self, UpCommand.self, SubmitCommand.self, FetchCommand.self,
            CancelCommand.self,
            JobsCommand.self, LogsCommand.self, RetryCommand.self, RulesCommand.self, EnvCommand.self, KeyCommand.self,
            ScoreCommand.self, DemoCommand.self, StorageCommand.self, EventsCommand.self, SetupCommand.self,
            ModelsCommand.self, BenchmarkCommand.self,
        ])

    static func main() async { await start(try commandLine()) }

    /// The command line, with names of files as they are; that of `separate` and `watch` as the reference would read it.
    private static func commandLine() throws -> [String] {
        let words = ByteNames.commandLine()
        let rest = Array(words.dropFirst())
        return switch words.first {
        case "separate": ["separate"] + (try ReferenceArguments(of: SeparateCommand.self).rewritten(rest))
        case "watch": ["watch"] + (try ReferenceArguments(of: WatchCommand.self).rewritten(rest))
        default: words
        }
    }
}
