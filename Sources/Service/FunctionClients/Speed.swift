import Foundation
import Jobs

/// How fast jobs were done lately, and what follows from it for others.
package struct Speed: Sendable, Equatable {
    /// Seconds of work for a second of audio; nil when no job tells.
    package var realTimeFactor: Double?
    /// Seconds a job took, in the middle.
    package var jobSeconds: Double?

    /// The medians over those of `jobs` that are done.
    package init(_ jobs: [Job]) {
        var factors: [Double] = []
        var times: [Double] = []
        for job in jobs where job.state == .done {
            guard let start = job.startedAt, let end = job.finishedAt, end > start else { continue }
            let time = end.timeIntervalSince(start)
            times.append(time)
            if let audio = job.audioSeconds, audio > 0 { factors.append(time / audio) }
        }
        realTimeFactor = Self.median(factors)
        jobSeconds = Self.median(times)
    }

    /// Seconds until the job at this place is done, with so many workers.
    package func wait(position: Int, workers: Int) -> Double? {
        guard let jobSeconds, workers > 0 else { return nil }
        return (jobSeconds * Double((position + workers - 1) / workers)).rounded(.up)
    }

    /// Seconds until a running job is done: from its own progress, or before there is much of it from the others' speed.
    package func left(of job: Job, now: Date) -> Double? {
        guard let start = job.startedAt else { return nil }
        let elapsed = max(0, now.timeIntervalSince(start))
        if job.progress >= 0.05 { return (elapsed * (1 - job.progress) / job.progress).rounded(.up) }
        guard let realTimeFactor, let audio = job.audioSeconds else { return nil }
        return max(1, (realTimeFactor * audio - elapsed).rounded(.up))
    }

    private static func median(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
}
