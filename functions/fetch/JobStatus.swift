import Foundation
import Jobs
import ServiceContract

extension JobStatus {
    /// What Redis knows.
    init(_ job: Job) {
        self.init(
            job.id, state: job.state, filename: job.filename, options: job.options,
            progress: job.state == .done ? 1 : job.progress)
        model = job.model ?? job.options.model
        attempts = job.attempts
        audioSeconds = job.audioSeconds
        error = job.error
        warnings = job.warnings
        createdAt = job.createdAt
        startedAt = job.startedAt
        finishedAt = job.finishedAt
        stems = job.stems.map { Stem($0, of: job.id) }
    }

    /// What the queue's bucket knows.
    init(_ job: JobID, filename: String, options: JobOptions?, storedAt: Date?) {
        self.init(job, state: .uploaded, filename: filename, options: options)
        createdAt = storedAt
    }
}
