import ArgumentParser
import EnvironmentSettings
import Foundation
import Jobs
import LocalStack
import ServiceContract
import Terminal

/// Where the running service's Redis is: `REDIS_URL`, or the data folder's own note.
struct RedisOption: ParsableArguments {
    @OptionGroup var data: DataOption

    func queue() throws -> RedisJobQueue {
        var settings = RedisSettings.usual
        settings.url = ""
        try settings.read(ProcessInfo.processInfo.environment)
        let url = try settings.url.isEmpty ? StackAddress.read(from: data.directory).redis : settings.url
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
    var job: JobID?

    @OptionGroup var redis: RedisOption

    func run() async throws {
        let log = try redis.queue().eventLog()
        var last = EventID.zero
        while true {
            let events = try await log.events(after: last, limit: 500)
            guard let newest = events.last else { break }
            last = newest.id
            for event in events where job == nil || event.job == job { try Self.print(event) }
        }
        guard follow else { return }
        for try await event in log.tail(from: last) where job == nil || event.job == job { try Self.print(event) }
    }

    /// Prints an event; where nobody takes it any more (`| head`), nothing is left to do.
    private static func print(_ event: JobEvent) throws {
        say(line(event))
        if StandardStreams.isOutputLost { throw ExitCode.failure }
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
        discussion:
            "A job is dead when its attempts are spent. Without a job id all dead jobs are put back; with one also a job that "
            + "has failed.")

    @Argument(help: "The job's id.")
    var job: JobID?

    @OptionGroup var redis: RedisOption

    func run() async throws {
        let revived = try await redis.queue().retry(job)
        if revived.isEmpty {
            say(
                job == nil
                    ? "No job is dead."
                    : "That job is neither dead nor failed, or its file or options are wrong: put the corrected object into the bucket again."
            )
        } else {
            for id in revived { say("\(id) waits again") }
        }
    }
}

/// `msaas rules`: what everybody who uses the queue goes by.
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Print the rules of a service's queue, or change them for all.",
        discussion:
            "They stand in Redis. A program whose settings state other ones is refused while a worker is alive; "
            + "what is given here counts at once, so give the programs the same settings before they start again.")

    @Option(help: "How long a lease lasts without being renewed.") var leaseSeconds: Double?
    @Option(help: "After so many attempts a job is dead.") var maxAttempts: Double?
    @Option(help: "After being given back so often for want of room a job fails.") var maxReturns: Double?
    @Option(help: "How long a job that has ended is remembered.") var retentionDays: Double?
    @Option(help: "After so many tries an object that cannot be taken in is set aside.") var maxTries: Double?

    @OptionGroup var redis: RedisOption

    func run() async throws {
        var changes: [String: String] = [:]
        for (rule, value) in [
            (QueueRule.lease, leaseSeconds), (.attempts, maxAttempts), (.returns, maxReturns),
            (.retention, retentionDays), (.tries, maxTries),
        ] {
            if let name = rule.variable, let value { changes[name] = "\(value)" }
        }
        let queue = try redis.queue()
        do { try await queue.change(QueueOptions(environment: changes).rules) } catch let error as ConfigurationError {
            throw ValidationError("\(error)")
        }
        let rules = try await queue.rules()
        for rule in QueueRule.allCases {
            guard let name = rule.variable else { continue }
            let author = rules.authors[rule].map { "stated by \($0.printable)" } ?? "the usual value"
            say("\(name.padding(toLength: 22, withPad: " ", startingAt: 0)) \(rule.text(rules[rule])), \(author)")
        }
    }
}
