import ArgumentParser
import EnvironmentSettings
import Foundation
import Jobs
import ServiceContract
import Simulator
import Terminal

/// `autoscaler trace NAME`, `autoscaler trace --from-log`: prints a trace, a sample or what really came.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Print a trace of arrivals as comma-separated values: a sample, or what came to a running service.",
        discussion: """
            Each line is one job: its arrival in seconds from the start, and its seconds of audio. `autoscaler simulate FILE` plays it.

            Redis is found by --redis-url, else by --data, else by REDIS_URL. Of a song that was never measured the mean of the \
            others is taken.
            """)

    @Argument(help: "steady (2 h, 600 jobs), bursty (4 h), day (100,000 jobs) or azure (a day of 400 owners).")
    var name: SampleTrace?

    @Flag(help: "Print what the service's event log remembers instead.")
    var fromLog = false

    @OptionGroup(title: "Service")
    var place: RedisPlace

    func validate() throws {
        guard (name != nil) != fromLog else {
            throw ValidationError("Write the name of a sample, or --from-log.")
        }
    }

    func run() async throws {
        if let name { return say(String(name.make().text.dropLast())) }
        say(String(try await trace().text.dropLast()))
    }

    /// The jobs that were enqueued, with the lengths that their workers have measured.
    private func trace() async throws -> Trace {
        let queue = RedisJobQueue(address: try place.address(), options: QueueOptions())
        let log = queue.eventLog()
        var arrivals: [(id: JobID, at: Date)] = []
        var place = EventID.zero
        while true {
            let page = try await log.events(after: place, limit: 1000)
            arrivals += page.filter { $0.kind == .enqueued }.map { ($0.job, $0.time) }
            guard let last = page.last, page.count == 1000 else { break }
            place = last.id
        }
        var lengths: [JobID: Double] = [:]
        for (id, _) in arrivals {
            if let audio = try await queue.job(id)?.audioSeconds, audio > 0 { lengths[id] = min(audio, 86_400) }
        }
        guard let start = arrivals.first?.at else {
            throw ValidationError("The event log has no arrivals: nothing has come to this service yet.")
        }
        guard !lengths.isEmpty else {
            throw ValidationError("None of the \(arrivals.count) songs in the event log has been measured yet.")
        }
        let mean = (lengths.values.reduce(0, +) / Double(lengths.count) * 10).rounded() / 10
        return Trace(
            name: "log",
            arrivals: arrivals.map { id, at in
                Trace.Arrival(
                    at: (max(0, at.timeIntervalSince(start)) * 10).rounded() / 10,
                    audio: max(0.1, ((lengths[id] ?? mean) * 10).rounded() / 10))
            })
    }
}

/// Where the Redis of a running service is.
struct RedisPlace: ParsableArguments {
    @Option(help: ArgumentHelp("Where Redis is.", valueName: "redis://host:port/db"))
    var redisURL: String?

    @Option(help: ArgumentHelp("The data folder of a running msaas up.", valueName: "folder"))
    var data: String?

    func address() throws -> RedisAddress {
        if let redisURL { return try RedisAddress(redisURL) }
        if let data { return try RedisAddress(stack(URL(filePath: data))) }
        return try RedisAddress(RedisSettings.reading(ProcessInfo.processInfo.environment).url)
    }

    /// The address of Redis in the `stack.json` that `msaas up` writes.
    private func stack(_ folder: URL) throws -> String {
        struct Stack: Decodable { var redis: String }
        let file = folder.appending(path: "stack.json")
        guard let text = try? Data(contentsOf: file), let stack = try? JSONDecoder().decode(Stack.self, from: text)
        else {
            throw ValidationError(
                "\(file.path) cannot be read: no service runs on that folder. Start one with: msaas up")
        }
        return stack.redis
    }
}
