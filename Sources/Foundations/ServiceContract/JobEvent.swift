import Foundation

/// One line of the log of everything that happened to jobs.
public struct JobEvent: Sendable, Equatable {
    /// What happened.
    public enum Kind: String, Sendable, CaseIterable {
        /// The job entered the queue.
        case enqueued
        /// A worker began an attempt.
        case started
        /// The work advanced by a twentieth.
        case progress
        /// The stems are stored and the outcome is fixed; the manifest follows.
        case sealed
        /// The job is done.
        case done
        /// It failed for good.
        case failed
        /// An attempt failed and the job waits again.
        case retried
        /// It spent its attempts.
        case dead
        /// A drained worker gave it back.
        case givenBack = "given-back"
        /// Its worker was gone and it waits again.
        case recovered
        /// Somebody cancelled it.
        case cancelled
        /// Somebody removed it.
        case removed
        /// Somebody sent a dead job back into the queue.
        case revived
    }

    /// Its place in the log.
    public let id: EventID
    /// What happened.
    public let kind: Kind
    /// To which job.
    public let job: JobID
    /// Whose job it is; `nil` when it is nobody's.
    public let owner: String?
    /// The worker that had a part in it.
    public let worker: String?
    /// The number of the attempt.
    public let attempt: Int?
    /// 0…1, with ``Kind/progress``.
    public let progress: Double?
    /// Why, as a sentence.
    public let message: String?

    /// When it happened, by the clock of Redis.
    public var time: Date { Date(timeIntervalSince1970: Double(id.milliseconds) / 1000) }

    /// An event.
    public init(
        id: EventID, kind: Kind, job: JobID, owner: String? = nil, worker: String? = nil, attempt: Int? = nil,
        progress: Double? = nil,
        message: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.job = job
        self.owner = owner
        self.worker = worker
        self.attempt = attempt
        self.progress = progress
        self.message = message
    }
}

/// A place in the event log: the id of a Redis stream entry, `milliseconds-sequence`.
public struct EventID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970.
    public let milliseconds: UInt64
    /// Tells events of one millisecond apart.
    public let sequence: UInt64

    /// Before everything.
    public static let zero = EventID(milliseconds: 0, sequence: 0)

    /// The place with these two numbers.
    public init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// The place that `text` (`1700000000000-0`) spells, or `nil`.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = UInt64(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    /// `milliseconds-sequence`.
    public var description: String { "\(milliseconds)-\(sequence)" }

    /// Earlier in the log.
    public static func < (left: EventID, right: EventID) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }
}
