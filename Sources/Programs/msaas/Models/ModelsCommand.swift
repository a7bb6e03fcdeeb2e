import ArgumentParser
import Foundation
import ModelStore
import Terminal

/// `msaas models`: the models by name, and what of them is here.
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List, download, verify and remove models.",
        subcommands: [List.self, Pull.self, Verify.self, Remove.self], defaultSubcommand: List.self)

    /// `msaas models list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the models and what of them is here.")
        @OptionGroup var store: StoreOption

        func run() async throws {
            let best = try? store.store().defaultName()
            var table = TextTable(["model", "models", "origin", "MB here", ""], rightAligned: [1, 3])
            for entry in try store.store().list().entries {
                table.add([
                    entry.name, entry.models.map(String.init) ?? "?", entry.origin.rawValue,
                    String(format: "%.1f", Double(entry.bytes) / 1e6),
                    entry.name == best ? "used without -n" : entry.isPresent ? "" : "msaas models pull \(entry.name)",
                ])
            }
            say(table.text)
        }
    }

    /// `msaas models pull`.
    struct Pull: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Download official models and verify their checksums; goes on where it was interrupted.")
        @Argument(help: "htdemucs, htdemucs_ft or htdemucs_6s.") var names: [String]

        func run() async throws {
            let store = try ModelStore(environment: ProcessInfo.processInfo.environment)
            for name in names {
                let meter = DownloadMeter()
                let files = try await store.pull(name) { meter.show($0) }
                meter.finish()
                say("\(name) is here: \(files.models.map(\.lastPathComponent).joined(separator: ", "))")
            }
        }
    }

    /// `msaas models verify`.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the files of models against their checksums; without a name, of all that are here.")
        @Argument(help: "The models.") var names: [String] = []
        @OptionGroup var store: StoreOption

        func run() async throws {
            let present = try store.store().list().entries.filter(\.isPresent).map(\.name)
            var damaged = 0
            for name in names.isEmpty ? present : names {
                for check in try await store.store().verify(name) {
                    if !check.outcome.isSound { damaged += 1 }
                    say("\(name): \(check.file): \(check.outcome.sentence)")
                }
            }
            if damaged > 0 { throw ExitCode.failure }
        }
    }

    /// `msaas models remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete downloaded models.")
        @Argument(help: "htdemucs, htdemucs_ft or htdemucs_6s.") var names: [String]

        func run() async throws {
            let store = try ModelStore(environment: ProcessInfo.processInfo.environment)
            for name in names {
                say(String(format: "\(name): %.1f MB freed", Double(try store.remove(name)) / 1e6))
            }
        }
    }
}

/// The folder to look for models in.
struct StoreOption: ParsableArguments {
    @Option(help: ArgumentHelp("A folder that holds models.", valueName: "folder"))
    var repo: String?

    func store() throws -> ModelStore {
        try ModelStore(
            repository: repo.map { URL(filePath: $0, directoryHint: .isDirectory) },
            environment: ProcessInfo.processInfo.environment)
    }
}

extension FileCheck.Outcome {
    fileprivate var isSound: Bool {
        switch self {
        case .verified, .readable: true
        case .damaged, .missing: false
        }
    }

    fileprivate var sentence: String {
        switch self {
        case .verified: "the checksum is right"
        case .readable: "a sound checkpoint (no checksum is known)"
        case .damaged(let reason): reason
        case .missing: "missing"
        }
    }
}
