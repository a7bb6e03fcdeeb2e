import ArgumentParser
import Foundation
import Jobs
import LocalStack
import ServiceContract

/// Where the running service's Redis is: `REDIS_URL`, or the data folder's own note.
struct RedisOption: ParsableArguments {
    @OptionGroup var data: DataOption

    func queue() throws -> RedisJobQueue {
        let url = try ProcessInfo.processInfo.environment["REDIS_URL"] ?? StackAddress.read(from: data.directory).redis
        return try RedisJobQueue(url: url)
    }
}

/// `msaas logs`: everything that happened to jobs.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what happened to a service's jobs.")

    @Flag(name: .shortAndLong, help: "Go on with each new event until Ctrl-C.")
    var follow = false

    @Option(help: "Only the events of this job.")
    var job: String?

    @OptionGroup var redis: RedisOption

    func run() async throws {
        let only = try job.map { text in
            guard let id = JobID(text) else {
                throw ValidationError("--job is \(text.printable); it must be 32 hex digits.")
            }
            return id
        }
        let log = try redis.queue().eventLog()
        var last = EventID.zero
        while true {
            let events = try await log.events(after: last, limit: 500)
            guard let newest = events.last else { break }
            last = newest.id
            for event in events where only == nil || event.job == only { say(Self.line(event)) }
        }
        guard follow else { return }
        for try await event in log.tail(from: last) where only == nil || event.job == only {
            say(Self.line(event))
        }
    }

    private static func line(_ event: JobEvent) -> String {
        var words = [event.time.formatted(.iso8601), "\(event.job)", event.kind.rawValue]
        if let worker = event.worker { words.append("worker=\(worker.printable)") }
        if let attempt = event.attempt { words.append("attempt=\(attempt)") }
        if let progress = event.progress { words.append(String(format: "progress=%.0f%%", progress * 100)) }
        if let message = event.message { words.append(message.printable) }
        return words.joined(separator: " ")
    }
}

/// `msaas retry`: gives jobs that are dead or have failed another chance.
struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Put dead or failed jobs back into the queue.",
        discussion: "A job is dead when its attempts are spent. Without a job id all dead jobs are put back; with one also a job that "
            + "has failed.")

    @Argument(help: "The job's id.")
    var job: String?

    @OptionGroup var redis: RedisOption

    func run() async throws {
        let id = try job.map { text in
            guard let id = JobID(text) else {
                throw ValidationError("\(text.printable) is no job id; it must be 32 hex digits.")
            }
            return id
        }
        let revived = try await redis.queue().retry(id)
        if revived.isEmpty {
            say(id == nil ? "No job is dead." : "That job is neither dead nor failed, or its file or options are wrong: put the corrected object into the bucket again.")
        } else {
            for job in revived { say("\(job) waits again") }
        }
    }
}
