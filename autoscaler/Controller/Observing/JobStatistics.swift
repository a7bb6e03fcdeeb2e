import Jobs

/// How long the last finished songs were and how long they took.
package struct JobStatistics: Sendable, Equatable {
    /// So many songs count.
    package static let capacity = 50

    private struct Sample: Sendable, Equatable {
        var audio: Double
        var work: Double
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

    /// Takes in a finished job; others, and those whose length is not known, tell nothing.
    package mutating func record(_ job: Job) {
        guard job.state == .done, let audio = job.audioSeconds, audio > 0, let start = job.startedAt,
            let end = job.finishedAt, end >= start
        else { return }
        samples.append(Sample(audio: audio, work: end.timeIntervalSince(start)))
        if samples.count > Self.capacity { samples.removeFirst() }
    }
}
