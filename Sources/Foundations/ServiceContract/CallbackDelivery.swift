public import Foundation

/// A message to the callback of a job that has ended, as its owner sees it.
public struct CallbackDelivery: Codable, Sendable, Equatable {
    /// How it goes with a message.
    public enum Standing: String, Codable, Sendable, CaseIterable {
        /// It will be tried (again).
        case waiting
        /// The receiver has it.
        case delivered
        /// It was given up; it is sent again when somebody asks for it.
        case failed
    }

    /// The message's `webhook-id`.
    public var id: String
    /// The job.
    public var job: JobID
    /// What it tells: `job.done`, `job.failed`, `job.dead` or `job.cancelled`.
    public var event: String
    /// How it goes with it.
    public var standing: Standing
    /// How often it was tried.
    public var tries: Int
    /// What the receiver answered the last time; nil when it did not.
    public var status: Int?
    /// Why the last try did not go through: a sentence.
    public var reason: String?
    /// When the job ended.
    public var createdAt: Date?
    /// When it was tried last.
    public var lastTry: Date?
    /// When it is tried next.
    public var nextTry: Date?

    /// A message that nobody has tried yet.
    public init(id: String, job: JobID, event: String, standing: Standing = .waiting) {
        (self.id, self.job, self.event, self.standing) = (id, job, event, standing)
        tries = 0
    }
}

/// What `GET /callbacks` answers.
public struct CallbackOverview: Codable, Sendable, Equatable {
    /// What a receiver checks the signatures of messages with (Standard Webhooks, `whsec_…`).
    public var secret: String
    /// Messages that were given up, the last one first.
    public var failed: [CallbackDelivery]

    /// An overview of its parts.
    public init(secret: String, failed: [CallbackDelivery]) { (self.secret, self.failed) = (secret, failed) }
}
