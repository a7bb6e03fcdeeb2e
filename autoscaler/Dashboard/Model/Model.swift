import Foundation
import Jobs
import ServiceContract

/// All that the dashboard knows; what is shown follows from it and the size of the screen.
package struct Model: Sendable, Equatable {
    /// A short word to the operator about the last key.
    package struct Notice: Sendable, Equatable {
        package var text: String
        package var isBad = false
        /// Rounds of reading since it came up.
        var age = 0
    }

    /// Where Redis is, for the title.
    package let source: String
    /// The difference between the operator's clock and UTC, in seconds.
    package let clockOffset: Int
    /// What was read last; `nil` before the first time.
    package var snapshot: Snapshot?
    /// What was read over time.
    package var traffic = Traffic()
    /// The latest events but progress, newest first.
    package var events: [JobEvent] = []
    /// File names of jobs.
    package var songs: [JobID: String] = [:]
    /// What is the matter with Redis at present, if it cannot be read.
    package var trouble: String?
    /// The pause and override that the operator asked for last, perhaps not yet read back.
    package var control = AutoscalerControl.automatic
    /// How many requests the operator has made.
    package var requests = 0
    /// The selected worker.
    package var selection: String?
    /// Whether the keys are explained.
    package var isHelpShown = false
    /// The word about the last key.
    package var notice: Notice?

    /// A model that has read nothing yet.
    package init(source: String, clockOffset: Int = 0) {
        self.source = source
        self.clockOffset = clockOffset
    }

    /// The living workers.
    package var workers: [WorkerRecord] { snapshot?.workers ?? [] }
    /// What the autoscaler last said.
    package var record: AutoscalerRecord? { snapshot?.status.record }
    /// The time of Redis when it was read last.
    package var now: Date { snapshot?.status.time ?? Date(timeIntervalSince1970: 0) }

    /// How old the record is, in seconds, if it is so old that its author may be gone.
    package var silence: Double? {
        guard let record else { return nil }
        let age = now.timeIntervalSince(record.decidedAt)
        return age > Self.silenceLimit ? age : nil
    }

    /// The name of a job's file, else the beginning of its id.
    package func song(_ job: JobID) -> String { songs[job] ?? String(job.description.prefix(8)) }

    /// After so many seconds without a word the autoscaler is called silent.
    static let silenceLimit = 10.0
    /// How many events are kept.
    static let eventLimit = 200
    /// How many rounds a notice stays.
    static let noticeLimit = 6
}
