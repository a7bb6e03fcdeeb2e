import Foundation
import Jobs
import ServiceContract

/// What was read from Redis in one round.
package struct Snapshot: Sendable, Equatable {
    /// How many jobs are where.
    package var depth: QueueDepth
    /// The autoscaler's record, the operator's control, drain marks and the time of Redis.
    package var status: AutoscalerStatus
    /// The living workers, by id.
    package var workers: [WorkerRecord]
    /// What has happened since the round before, oldest first.
    package var events: [JobEvent]
    /// File names of jobs that workers hold or events speak of, as far as they are known.
    package var songs: [JobID: String]
    /// How many of the operator's requests were carried out before this was read.
    package var requests: Int

    /// A snapshot of its parts.
    package init(
        depth: QueueDepth, status: AutoscalerStatus, workers: [WorkerRecord] = [], events: [JobEvent] = [],
        songs: [JobID: String] = [:], requests: Int = 0
    ) {
        self.depth = depth
        self.status = status
        self.workers = workers
        self.events = events
        self.songs = songs
        self.requests = requests
    }
}
