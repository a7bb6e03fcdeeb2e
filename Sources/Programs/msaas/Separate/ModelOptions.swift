import ArgumentParser
import Foundation
import ModelStore
import Terminal

/// Which model.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help:
            "Name of a bag of models, or signature of a model (default: htdemucs once it was downloaded, else starter)."
    )
    var name: String?

    @Option(name: .shortAndLong, help: "Signature of a model, as with --name.")
    var sig: String?

    @Option(help: ArgumentHelp("Folder that holds the models, for use with --name.", valueName: "folder"))
    var repo: String?

    func validate() throws {
        if name != nil, sig != nil { throw ValidationError("--name and --sig say the same; use one of them.") }
    }

    private func store() throws -> ModelStore {
        try ModelStore(
            repository: repo.map { URL(filePath: $0, directoryHint: .isDirectory) },
            environment: ProcessInfo.processInfo.environment)
    }

    /// The names, laid out as by the reference.
    func list() throws -> String {
        let list = try store().list()
        func names(_ entries: [ModelList.Entry]) -> String { entries.map { "\n    \($0.name)" }.joined() }
        return """
            Bag of models:\(names(list.entries.filter(\.isBag)))
            Single models:\(names(list.entries.filter { !$0.isBag }))
            """
    }

    /// The chosen model's files, downloaded if need be, after saying on standard output which it is (unless `quietly`).
    func files(quietly: Bool = false) async throws -> BagFiles {
        let store = try store()
        let chosen = name ?? sig
        let meter = DownloadMeter()
        let files = try await store.bag(named: chosen) { meter.show($0) }
        meter.finish()
        if quietly { return files }
        say("Model: \(files.name)" + (files.models.count > 1 ? ", a bag of \(files.models.count) models" : ""))
        if chosen == nil, files.name == "starter" {
            say(
                "This is the small model that comes with the program. For much better stems of real music, use -n htdemucs"
            )
            say("(84 MB, downloaded once); from then on it is the default.")
        }
        return files
    }
}

/// The progress of a download, told from any thread.
final class DownloadMeter: Sendable {
    private let line = StatusLine()

    func show(_ progress: DownloadProgress) {
        let total = progress.totalBytes ?? 0
        let share = total > 0 ? Double(progress.receivedBytes) / Double(total) : 0
        let part = progress.fileCount > 1 ? " \(progress.fileIndex + 1)/\(progress.fileCount)" : ""
        line.show(
            "downloading \(progress.model)\(part): \(progress.receivedBytes / 1_000_000) of \(total / 1_000_000) MB",
            share: min(1, share))
    }

    func finish() { line.clear() }
}
