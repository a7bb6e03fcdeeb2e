import Foundation
import Jobs
import ServiceContract

/// Reads what the dashboard shows, and carries out what the operator asks.
actor Observer {
    private let queue: RedisJobQueue
    private let board: RedisAutoscalerBoard
    private let log: RedisEventLog
    private var lastEvent: EventID?
    private var songs: [JobID: String] = [:]
    private var requests = 0
    private var page = Page.overview
    /// What is read only now and then: nobody acts on it within seconds.
    private var health: (warnings: [String], aside: Int, time: ContinuousClock.Instant)?

    /// How many events are named after their songs.
    private static let namedEvents = 60
    /// How many jobs are listed.
    private static let listedJobs = 500

    init(queue: RedisJobQueue) {
        self.queue = queue
        board = RedisAutoscalerBoard(queue: queue)
        log = queue.eventLog()
    }

    /// This page is shown from now on.
    func look(at page: Page) { self.page = page }

    /// Reads everything once.
    func observe() async throws -> ServiceSnapshot {
        // Requests that are carried out while this is read may or may not be in it.
        let requests = requests
        let status = try await board.status()
        let events = try await newEvents(until: status.time)
        let workers = try await queue.workers()
        let depth = try await queue.depth()
        let shown = events.filter { $0.kind != .progress }.suffix(Self.namedEvents)
        let names = try await names(of: workers.compactMap(\.job) + shown.map(\.job))
        let jobs = page == .jobs ? try await queue.recent(limit: Self.listedJobs) : nil
        let health = try await health()
        if let last = events.last { lastEvent = last.id }
        return ServiceSnapshot(
            depth: depth, status: status, workers: workers, events: events, songs: names,
            warnings: health.warnings, aside: health.aside, requests: requests, jobs: jobs)
    }

    /// Whether Redis can be relied on, and what was set aside; read every five seconds.
    private func health() async throws -> (warnings: [String], aside: Int) {
        if let health, .now - health.time < .seconds(5) { return (health.warnings, health.aside) }
        let read = (try await queue.health().troubles, try await queue.listAside().count)
        health = (read.0, read.1, .now)
        return read
    }

    /// What has happened since the last round; in the first round, within the time that the charts can show.
    private func newEvents(until now: Date) async throws -> [JobEvent] {
        let past = max(now.timeIntervalSince1970 - Double(Traffic.memory), 0)
        var place = lastEvent ?? EventID(milliseconds: UInt64(past * 1000), sequence: 0)
        var found: [JobEvent] = []
        while true {
            let page = try await log.events(after: place, limit: 1000)
            found += page
            guard let last = page.last, page.count == 1000 else { return found }
            place = last.id
        }
    }

    /// The file names of `jobs`; those of jobs that have been forgotten are left out.
    private func names(of jobs: [JobID]) async throws -> [JobID: String] {
        let wanted = Set(jobs)
        songs = songs.filter { wanted.contains($0.key) || songs.count < 1000 }
        songs.merge(try await queue.filenames(of: wanted.filter { songs[$0] == nil })) { $1 }
        return songs.filter { wanted.contains($0.key) }
    }

    /// Carries out a request.
    ///
    /// - Returns: what it means, as a sentence.
    func carryOut(_ request: Request) async throws -> String {
        defer { requests += 1 }
        switch request {
        case .control(let control):
            try await board.setControl(control)
            return control.meaning
        case .drain(let worker):
            try await board.requestDrain(worker, by: .operator)
            return "\(worker) is asked to drain; d takes it back."
        case .withdrawDrain(let worker):
            try await board.withdrawDrain(worker)
            return "\(worker) may claim jobs again."
        case .retryDead:
            let count = try await queue.retry(nil).count
            return count == 1 ? "1 job is back in the queue." : "\(count) jobs are back in the queue."
        case .retry(let job):
            return try await queue.retry(job).isEmpty
                ? "It is not failed, dead or cancelled any more." : "The job is back in the queue."
        case .cancel(let job):
            switch try await queue.cancel(job) {
            case .cancelled: return "The job is cancelled."
            case .alreadyFinished(let state): return "It was \(state.rawValue) before; nothing was changed."
            case .unknown: return "The queue knows it no more."
            }
        }
    }
}

extension AutoscalerControl.Request {
    fileprivate var meaning: String {
        switch self {
        case .pause: "Scaling is paused: nothing is changed until p resumes it."
        case .resume: "Scaling goes on."
        case .override(let count): "Override: \(counted(count, "worker")); a goes back to automatic."
        case .clear: "Scaling is automatic."
        }
    }
}
