import Foundation
import ServiceContract

/// One song to separate, and what became of it.
public struct Job: Sendable, Equatable, Codable {
    /// The job's name.
    public var id: JobID
    /// The bucket of the input object.
    public var bucket: String
    /// The key of the input object, not escaped.
    public var key: String
    /// The song's file name, for people.
    public var filename: String
    /// How to separate.
    public var options: JobOptions
    /// Where it is in its life.
    public var state: JobState
    /// How often work on it was begun (work that was given back does not count).
    public var attempts: Int
    /// How much of the work is done, 0…1.
    public var progress: Double
    /// The song's length in seconds, once somebody has measured it.
    public var audioSeconds: Double?
    /// When it was enqueued, by the clock of Redis.
    public var createdAt: Date
    /// When the last attempt began.
    public var startedAt: Date?
    /// When it was done, failed, dead or cancelled.
    public var finishedAt: Date?
    /// Why it failed, or why its last attempt did: a sentence.
    public var error: String?
    /// The worker of the last attempt.
    public var worker: String?
    /// The stems of a job that is done.
    public var stems: [StemRecord]
    /// The model that separated it.
    public var model: String?
    /// What the listener should know (damaged frames, …), as sentences.
    public var warnings: [String]

    /// A job that has not been enqueued yet. `createdAt` is overwritten by the queue with the time of Redis.
    public init(
        id: JobID, bucket: String, key: String, filename: String, options: JobOptions = JobOptions(),
        audioSeconds: Double? = nil, createdAt: Date = Date()
    ) {
        self.id = id
        self.bucket = bucket
        self.key = key
        self.filename = filename
        self.options = options
        self.state = .queued
        self.attempts = 0
        self.progress = 0
        self.audioSeconds = audioSeconds
        self.createdAt = createdAt
        self.stems = []
        self.warnings = []
    }

    /// The job of an object in the queue bucket: the one rule by which notifications and the sweep name jobs.
    ///
    /// A key `{job}/{filename}` belongs to that job; any other key gets the id that ``JobID/init(bucket:key:eTag:)``
    /// derives.
    ///
    /// - Parameters:
    ///   - key: the object's key, not escaped.
    ///   - eTag: the object's entity tag.
    public init(bucket: String, key: String, eTag: String, options: JobOptions = JobOptions()) {
        let id = Self.id(inKey: key) ?? JobID(bucket: bucket, key: key, eTag: eTag)
        let filename = key.unicodeScalars.split(separator: "/").last.map { String($0) } ?? key
        self.init(id: id, bucket: bucket, key: key, filename: filename, options: options)
    }

    /// The id that a key `{job}/{filename}` starts with, or `nil`.
    public static func id(inKey key: String) -> JobID? {
        let parts = key.unicodeScalars.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { return nil }
        return JobID(String(parts[0]))
    }
}
