import ArgumentParser
import Foundation
import HTTPTransport
import ObjectStorage

/// `msaas events`: the bucket events that the storage gave up, and another try for them.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show the bucket events that were set aside, and send them again.",
        discussion: """
            An event that its target refuses again and again is set aside, so that others do not wait behind it. This is for \
            the storage of the one-machine mode; MinIO keeps its own queue. The storage's address and keys come from \
            S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY (`eval "$(msaas env)"`).
            """)

    @Flag(help: "Send the events again.")
    var retry = false

    @Flag(help: "Drop the events.")
    var forget = false

    @Argument(help: "Ids of events; all unless given.")
    var ids: [String] = []

    func validate() throws {
        guard !(retry && forget) else { throw ValidationError("Give --retry or --forget, not both.") }
    }

    func run() async throws {
        let configuration = try S3Configuration(environment: ProcessInfo.processInfo.environment)
        let client = S3Client(configuration, transport: CurlTransport())
        if retry {
            print("\(try await client.retryEvents(ids)) sent again")
        } else if forget {
            print("\(try await client.forgetEvents(ids)) dropped")
        } else {
            let events = try await client.eventsSetAside().filter { ids.isEmpty || ids.contains($0.id) }
            for event in events {
                let since = event.since.map { $0.formatted(.iso8601) } ?? "-"
                let words = [
                    event.id, since, event.target, event.event, event.key, "\(event.attempts) tries", event.reason,
                ]
                // A key may hold anything, also what a terminal would obey.
                print(
                    words.joined(separator: "  ").unicodeScalars.map {
                        $0.value < 0x20 || $0.value == 0x7f ? "?" : "\($0)"
                    }.joined())
            }
            if events.isEmpty { print("no event is set aside") }
        }
    }
}
