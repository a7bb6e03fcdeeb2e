import ArgumentParser
import Foundation
import FunctionHost

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

    func run() async throws {
        let limit = try rate.map { text in
            guard let rate = Rate(text) else {
                throw ValidationError("--rate is “\(text)”; write a rate such as 20/s, 600/m or 1000/h.")
            }
            return rate
        }
        let secret = APIKey.makeSecret()
        let key: APIKey
        do {
            key = try APIKey(name: name, secret: secret, rate: limit)
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
        FileHandle.standardError.write(
            Data("The key of \(name), which is shown only now (clients: MSAAS_API_KEY):\n\(secret)\n".utf8))
        say(String(key.entry.dropLast()))
    }
}
