import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ServiceContract
import Synchronization

// All jobs of whoever asks: page by page, and as a stream of what happens to them.

extension FetchFunction {
    /// `GET /fetch`: a page of jobs, the newest first.
    func list(_ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let question = try JobQuestion(request.query)
        var list = try await jobs(question, context)
        // What could not even become a job is shown to those who see everything.
        if context.caller.viewer.scope == .all, question.isPlain {
            let aside = try await withServiceProblems(context.logger) { try await queue.jobs.listAside() }
            list.aside = aside.isEmpty ? nil : aside
        }
        return try .json(headers: [.cacheControl: "no-store"], list)
    }

    private func jobs(_ question: JobQuestion, _ context: FunctionContext) async throws -> JobList {
        let (jobs, next) = try await withServiceProblems(context.logger) {
            try await queue.jobs.page(
                of: context.caller.viewer.scope, limit: question.limit, after: question.place, state: question.state,
                key: question.key)
        }
        return JobList(jobs: jobs.map { JobStatus($0) }, next: next?.description)
    }

    /// `GET /fetch/events`: what happens to all jobs of whoever asks, as server-sent events.
    ///
    /// `jobs` carries the newest jobs, and stands for everything before it; `job` the status of one that is new or has changed,
    /// `removed` one that is no more. A client that comes back with `Last-Event-ID` is told what it has missed, as long as the
    /// log goes back that far; else the stream begins with `jobs` again.
    func events(_ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let log = queue.events
        // The place is taken before the list is read, so that no event falls between the two.
        let (first, last) = try await withServiceProblems(context.logger) {
            (try await log.beginning(), try await log.end())
        }
        let seen = request.header("Last-Event-ID").flatMap { EventID($0) }.flatMap {
            first <= $0 && $0 <= last ? $0 : nil
        }
        let start = try await seen == nil ? jobs(JobQuestion(limit: 50), context) : nil
        let follower = JobsFollower(
            scope: context.caller.viewer.scope, lookup: lookup(context), log: log, heartbeat: heartbeat,
            end: .now + settings.streamAge, isDraining: { context.isDraining })
        return .events { writer in
            if let start { try await writer.write(eventMessage("jobs", start, id: last)) }
            try await follower.follow(from: seen ?? last, into: &writer)
        }
    }
}

/// The query of `GET /fetch`.
private struct JobQuestion {
    var limit = 20
    var place: ListingPlace?
    var state: JobState?
    var key: String?

    /// Whether it is the first page of all jobs.
    var isPlain: Bool { place == nil && state == nil && key == nil }

    init(limit: Int) { self.limit = limit }

    /// - Throws: a 400 ``Problem`` that names what is wrong or unknown.
    init(_ query: QueryItems) throws(Problem) {
        let states = JobState.allCases.filter { $0 != .awaitingUpload && $0 != .uploaded }
        for item in query.items {
            switch item.name {
            case "limit":
                guard let limit = Int(item.value), (1...200).contains(limit) else {
                    throw .badRequest("limit is “\(item.value.prefix(16))”; it must be a whole number from 1 to 200.")
                }
                self.limit = limit
            case "cursor":
                guard let place = ListingPlace(item.value) else {
                    throw .badRequest(
                        "cursor is none that this service gave out; take it from next of the page before.")
                }
                self.place = place
            case "state":
                guard let state = states.first(where: { $0.rawValue == item.value }) else {
                    throw .badRequest(
                        "state is “\(item.value.prefix(16))”; it must be one of "
                            + states.map(\.rawValue).joined(separator: ", ") + ".")
                }
                self.state = state
            case "key": key = item.value
            default:
                throw .badRequest(
                    "There is no parameter “\(item.name.prefix(32))”; there are limit, cursor, state, key.")
            }
        }
    }
}

/// Writes the events of many jobs. Several events of one job that come at once are told as one, its status after them.
struct JobsFollower: Sendable {
    let scope: JobScope
    let lookup: JobLookup
    let log: RedisEventLog
    let heartbeat: Duration
    /// When the stream ends: a client that is still there comes back.
    let end: ContinuousClock.Instant
    let isDraining: @Sendable () -> Bool

    /// Of how many waiting jobs a new place in the queue is told.
    private static let mostWaiting = 100

    /// Jobs that something happened to, each with the last event.
    private final class Changes: Sendable {
        private let jobs = Mutex<[JobID: EventID]>([:])

        func note(_ job: JobID, _ place: EventID) { jobs.withLock { $0[job] = max($0[job] ?? place, place) } }

        /// All of them, in the order of the log.
        func take() -> [(job: JobID, place: EventID)] {
            jobs.withLock { jobs in
                defer { jobs = [:] }
                return jobs.map { (job: $0, place: $1) }.sorted { $0.place < $1.place }
            }
        }
    }

    func follow(from place: EventID, into writer: inout BodyWriter) async throws {
        let changes = Changes()
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await event in log.tail(from: place, of: scope) {
                    changes.note(event.job, event.id)
                    wake.yield()
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: min(heartbeat, .seconds(1)))
                    wake.yield()
                }
            }
            defer { group.cancelAll() }
            try await write(changes, wakes, into: &writer)
        }
    }

    private func write(
        _ changes: Changes, _ wakes: AsyncStream<Void>, into writer: inout BodyWriter
    ) async throws {
        var lastWrite = ContinuousClock.now
        var lastLook = ContinuousClock.now
        var waiting: [JobID: Int] = [:]
        for await _ in wakes {
            if let farewell = streamFarewell(isDraining: isDraining(), end: end) {
                return try await writer.write(farewell)
            }
            var untold: [(job: JobID, place: EventID)] = []
            for (job, place) in changes.take() {
                // What cannot be told now is told later, and so is what came after it: places are told in their order.
                guard untold.isEmpty, let news = try await news(of: job) else {
                    untold.append((job, place))
                    continue
                }
                lastWrite = .now
                switch news {
                case .status(let status):
                    try await writer.write(eventMessage("job", status, id: place))
                    waiting[job] = waiting.count < Self.mostWaiting ? status.position : nil
                case .removal:
                    try await writer.write(eventMessage("removed", JobRemoval(job: job), id: place))
                    waiting[job] = nil
                }
            }
            for (job, place) in untold { changes.note(job, place) }
            guard ContinuousClock.now - lastLook >= heartbeat else { continue }
            lastLook = .now
            // Nothing is logged when others go before.
            for (job, position) in waiting {
                guard case .status(let status)? = try await news(of: job), status.position != position else { continue }
                waiting[job] = status.position
                lastWrite = .now
                try await writer.write(eventMessage("job", status, id: nil))
            }
            if ContinuousClock.now - lastWrite >= heartbeat {
                lastWrite = .now
                try await writer.write(Data(": heartbeat\n\n".utf8))
            }
        }
    }

    private enum News {
        case status(JobStatus)
        case removal
    }

    /// - Returns: nil while the storage or Redis is away.
    private func news(of job: JobID) async throws -> News? {
        do {
            return .status(try await lookup.status(of: job))
        } catch let problem as Problem {
            return problem.status == 404 ? .removal : nil
        }
    }
}
