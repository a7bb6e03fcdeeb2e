import ArgumentParser
import EnvironmentSettings
import Foundation
import FunctionHost
import Terminal

/// Makes an API key: the key for its owner, and the entry for the service's file of keys, which holds only its digest.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make an API key.",
        discussion: """
            The key is shown once, on standard error; the entry for the file that MSAAS_API_KEYS_FILE names goes to
            standard output: msaas key studio >> keys.yaml. To take a key back, remove its entry; a running host notices.
            """)

    @Argument(help: "The client's name, for the log.")
    var name: String

    @Option(
        help: ArgumentHelp("How often it may ask: 20/s, 600/m, 1000/h (default: MSAAS_RATE_LIMIT).", valueName: "rate"))
    var rate: String?

    func validate() throws {
        if let rate, Rate(rate) == nil {
            throw ValidationError("--rate is “\(rate.printable)”; write a rate such as 20/s, 600/m or 1000/h.")
        }
        do { _ = try key(secret: APIKey.makeSecret()) } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
    }

    func run() async throws {
        let secret = APIKey.makeSecret()
        let key = try key(secret: secret)
        for file in Self.files where Self.names(in: file).contains(name) {
            note(
                "\(file) has a key of the name \(name) already. Both are let in, and nobody can tell them apart in the log; "
                    + "remove the older entry unless that is what you want.")
        }
        note("The key of \(name), which is shown only now (clients: MSAAS_API_KEY):\n\(secret)")
        say(String(key.entry.dropLast()))
    }

    private func key(secret: String) throws -> APIKey {
        try APIKey(name: name, secret: secret, rate: rate.flatMap { Rate($0) })
    }

    /// The files that the entry may be meant for: the one that standard output goes to, and the host's.
    private static var files: Set<String> {
        var files: Set<String> = []
        if let output = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/1") {
            var status = stat()
            if stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFREG { files.insert(output) }
        }
        if let file = try? KeySettings.reading(ProcessInfo.processInfo.environment).file { files.insert(file) }
        return files
    }

    private static func names(in file: String) -> Set<String> {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return Set((try? APIKey.list(yaml: text))?.map(\.name) ?? [])
    }
}
