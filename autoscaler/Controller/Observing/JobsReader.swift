import Foundation
import Jobs
import ServiceContract
import Logging
import Pacing
import Policy

/// Reads what Redis knows, and hears of jobs as they come and end.
package actor JobsReader {
    private let queue: RedisJobQueue
    private let board: RedisAutoscalerBoard
    private let logger: Logger
    private var statistics = JobStatistics()

    package init(queue: RedisJobQueue, board: RedisAutoscalerBoard, logger: Logger) {
        self.queue = queue
        self.board = board
        self.logger = logger
    }

    /// Everything at about the same moment.
    package func read() async throws -> JobsReading {
        let status = try await board.status()
        async let depth = queue.depth()
        async let workers = queue.workers()
        return try await JobsReading(
            depth: depth, workers: workers, board: status,
            statistics: statistics)
    }

    /// Follows the event log until it is cancelled: calls `arrived` when there is a job to do, and measures finished ones.
    package func follow(arrived: @escaping @Sendable () -> Void) async {
        var isPrimed = false
        repeat {
            do {
                if !isPrimed {
                    for job in try await queue.recent(limit: JobStatistics.capacity).reversed() {
                        statistics.record(job)
                    }
                    isPrimed = true
                }
                let log = queue.eventLog()
                let end = try await log.end()
                // What came before the log was looked at.
                arrived()
                for try await event in log.tail(from: end) {
                    switch event.kind {
                    case .enqueued, .retried, .recovered, .givenBack, .revived: arrived()
                    case .done: if let job = try await queue.job(event.job) { statistics.record(job) }
                    case .started, .progress, .sealed, .failed, .dead, .cancelled, .removed: break
                    }
                }
            } catch {
                if Task.isCancelled { return }
                logger.debug("the event log cannot be followed: \(error)")
            }
        } while await pause(for: .seconds(1))
    }
}

/// What Redis says, read in one round.
package struct JobsReading: Sendable {
    package var depth: QueueDepth
    package var workers: [String: WorkerRecord]
    package var board: AutoscalerStatus
    package var statistics: JobStatistics

    package init(
        depth: QueueDepth, workers: [WorkerRecord], board: AutoscalerStatus, statistics: JobStatistics = JobStatistics()
    ) {
        self.depth = depth
        self.workers = Dictionary(workers.map { ($0.id, $0) }) { $1 }
        self.board = board
        self.statistics = statistics
    }

    /// The jobs as the policy wants them. A song's length is known once a worker has measured it; those that wait count as the
    /// mean of finished ones.
    package var backlog: Backlog {
        let mean = statistics.meanAudio
        let left = workers.values.filter { $0.job != nil }.reduce(0.0) { sum, worker in
            sum + (worker.audioSeconds ?? mean ?? 0) * (1 - min(max(worker.progress ?? 0, 0), 1))
        }
        return Backlog(
            waiting: depth.waiting, inFlight: depth.inFlight, waitingAudio: mean.map { $0 * Double(depth.waiting) },
            inFlightAudio: mean.map { _ in left }, realTimeFactor: statistics.realTimeFactor)
    }

    /// Seconds of audio yet to be separated.
    package var audioSeconds: Double? {
        let backlog = backlog
        return backlog.waitingAudio.map { $0 + (backlog.inFlightAudio ?? 0) }
    }

    /// What the operator asks for.
    package var control: Control {
        if board.control.isPaused { return .paused }
        return board.control.override.map { .override($0) } ?? .automatic
    }
}

/// How long the last finished songs were and how long they took.
package struct JobStatistics: Sendable, Equatable {
    /// So many songs count.
    package static let capacity = 50

    private struct Sample: Sendable, Equatable {
        var audio: Double
        var work: Double
        /// From its arrival to the start of the attempt that was its last.
        var wait: Double
    }

    private var samples: [Sample] = []

    package init() {}

    /// Seconds of audio of a song, on the mean; `nil` before the first.
    package var meanAudio: Double? {
        samples.isEmpty ? nil : samples.reduce(0) { $0 + $1.audio } / Double(samples.count)
    }

    /// Seconds of work for one second of audio, with fetching and storing; `nil` before the first.
    package var realTimeFactor: Double? {
        let audio = samples.reduce(0) { $0 + $1.audio }
        return audio > 0 ? samples.reduce(0) { $0 + $1.work } / audio : nil
    }

    /// The share of songs that waited no longer than promised; `nil` before the first.
    package func kept(within promise: Duration) -> Double? {
        samples.isEmpty
            ? nil : Double(samples.count { .seconds($0.wait) <= promise }) / Double(samples.count)
    }

    /// Takes in a finished job; others, and those whose length is not known, tell nothing.
    package mutating func record(_ job: Job) {
        guard job.state == .done, let audio = job.audioSeconds, audio > 0, let start = job.startedAt,
            let end = job.finishedAt, end >= start
        else { return }
        samples.append(
            Sample(
                audio: audio, work: end.timeIntervalSince(start), wait: start.timeIntervalSince(job.createdAt)))
        if samples.count > Self.capacity { samples.removeFirst() }
    }
}
