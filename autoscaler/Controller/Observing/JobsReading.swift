import Foundation
import Jobs
import Policy
import ServiceContract

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

    /// The jobs as the policy wants them. Lengths are not known before a song is decoded, so all count as the mean of
    /// finished ones.
    package var backlog: Backlog {
        let mean = statistics.meanAudio
        let left = workers.values.filter { $0.job != nil }.reduce(0) { $0 + 1 - min(max($1.progress ?? 0, 0), 1) }
        return Backlog(
            waiting: depth.waiting, inFlight: depth.inFlight, waitingAudio: mean.map { $0 * Double(depth.waiting) },
            inFlightAudio: mean.map { $0 * left }, realTimeFactor: statistics.realTimeFactor)
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
