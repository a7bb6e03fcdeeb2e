import ArgumentParser
import Foundation
import ServiceClient
import ServiceContract
import Terminal

/// `msaas jobs`: what a running service is working on.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List a service's recent jobs, the newest first.")

    @Option(
        help: ArgumentHelp(
            "Only jobs in this state (uploaded, queued, running, done, failed, dead, cancelled); may be repeated.",
            valueName: "state"))
    var state: [JobState] = []

    @Option(help: ArgumentHelp("At most so many jobs, up to 200.", valueName: "count"))
    var limit = 20

    @Flag(help: "Show the list anew every two seconds, until Ctrl-C.")
    var watch = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var service: ServiceOption

    func validate() throws {
        guard (1...200).contains(limit) else {
            throw ValidationError("--limit is \(limit); it must be from 1 to 200.")
        }
        if watch, json { throw ValidationError("--watch and --json contradict each other.") }
    }

    func run() async throws {
        let client = try service.client()
        if !watch { return say(try text(await jobs(client), at: Date())) }
        guard let columns = StandardStreams.columns, isatty(STDOUT_FILENO) == 1 else {
            throw CommandFailure("--watch needs a terminal; without one, ask again now and then.")
        }
        let interruption = Interruption()
        try? await interruption.run {
            while true {
                let text: String
                do {
                    text = try Self.table(await jobs(client), at: Date())
                } catch let error where !(error is CancellationError) {
                    text = "\(error)".printable
                }
                // What is longer than the terminal is cut off, so that the next list lands on this one.
                let lines = text.split(separator: "\n").map { String($0).cut(to: columns - 1) }
                say("\u{1b}[H\u{1b}[2J" + lines.joined(separator: "\n"))
                if StandardStreams.isOutputLost { return }
                try await Task.sleep(for: .seconds(2))
            }
        }
    }

    private func jobs(_ client: ServiceClient) async throws -> [JobStatus] {
        let all = try await client.recent(limit: state.isEmpty ? limit : 200)
        return Array(all.filter { state.isEmpty || state.contains($0.state) }.prefix(limit))
    }

    private func text(_ jobs: [JobStatus], at now: Date) throws -> String {
        guard json else { return Self.table(jobs, at: now) }
        let encoder = JSONEncoder.contract
        encoder.outputFormatting.insert(.prettyPrinted)
        return String(decoding: try encoder.encode(jobs), as: UTF8.self)
    }

    private static func table(_ jobs: [JobStatus], at now: Date) -> String {
        guard !jobs.isEmpty else { return "No such jobs." }
        var table = TextTable(["job", "state", "done", "age", "file"], rightAligned: [2, 3])
        for job in jobs {
            table.add([
                job.job.description, job.state.rawValue, percent(job.progress),
                job.createdAt.map { age(now.timeIntervalSince($0)) } ?? "",
                job.filename + (job.error.map { ": \($0)" } ?? ""),
            ])
        }
        return table.text
    }

    /// For example `40 s`, `3 min`, `5 h`, `2 d`.
    static func age(_ seconds: Double) -> String {
        let steps: [(Double, String)] = [(86_400, "d"), (3600, "h"), (60, "min")]
        let (unit, name) = steps.first { seconds >= $0.0 } ?? (1, "s")
        return "\(Int(min(max(0, seconds) / unit, 1e9))) \(name)"
    }
}

extension JobState: ExpressibleByArgument {}
