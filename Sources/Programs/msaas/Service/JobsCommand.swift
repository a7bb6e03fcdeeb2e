import ArgumentParser
import Foundation
import ServiceClient
import ServiceContract

/// `msaas jobs`: what a running service is working on.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "jobs", abstract: "List a service's recent jobs.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var service: ServiceOption

    func run() async throws {
        let jobs = try await service.client().recent()
        if json {
            let encoder = JSONEncoder.contract
            encoder.outputFormatting.insert(.prettyPrinted)
            say(String(decoding: try encoder.encode(jobs), as: UTF8.self))
            return
        }
        guard !jobs.isEmpty else { return say("No jobs yet.") }
        var table = TextTable(["job", "state", "done", "file"], rightAligned: [2])
        for job in jobs {
            let file = job.filename.printable
            table.add([
                job.job.description, job.state.rawValue, String(format: "%.0f %%", job.progress * 100),
                job.error.map { "\(file): \($0.printable)" } ?? file,
            ])
        }
        say(table.text)
    }
}

extension String {
    /// Without control characters: file names come from strangers and must not command the terminal.
    var printable: String {
        String(
            String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 })
        )
    }
}
