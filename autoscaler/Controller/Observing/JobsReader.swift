import Jobs
import Logging

/// Reads what Redis knows, and hears of jobs as they come and end.
actor JobsReader {
    private let queue: RedisJobQueue
    private let board: RedisAutoscalerBoard
    private let logger: Logger
    private var statistics = JobStatistics()

    init(queue: RedisJobQueue, board: RedisAutoscalerBoard, logger: Logger) {
        self.queue = queue
        self.board = board
        self.logger = logger
    }

    /// Everything at about the same moment.
    func read() async throws -> JobsReading {
        let status = try await board.status()
        async let depth = queue.depth()
        async let workers = queue.workers()
        return try await JobsReading(
            depth: depth, workers: workers, board: status,
            statistics: statistics)
    }

    /// Follows the event log until it is cancelled: calls `arrived` when there is a job to do, and measures finished ones.
    func follow(arrived: @escaping @Sendable () -> Void) async {
        var isPrimed = false
        while !Task.isCancelled {
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
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
