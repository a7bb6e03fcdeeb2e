import Encodings
public import Foundation

/// Where a job is in its life.
///
/// `awaiting-upload → uploaded → queued → running → done | failed | dead | cancelled`; a running job whose worker is gone or gave
/// it back is `queued` again, and a dead one is when somebody asks for a retry.
public enum JobState: String, Codable, Sendable, CaseIterable {
    /// A presigned address was given out for its song, and nothing has come there yet. Never stored in Redis.
    case awaitingUpload = "awaiting-upload"
    /// The object is stored and its notification has not come yet: the queue does not know the job. Never stored in
    /// Redis; said by those who look into the bucket.
    case uploaded
    /// Waiting for a worker.
    case queued
    /// A worker holds the lease.
    case running
    /// The stems and their manifest are stored.
    case done
    /// It cannot be done (the input cannot be decoded, the model is not known, …); `error` says why.
    case failed
    /// It spent its attempts; it can be retried by hand.
    case dead
    /// Somebody cancelled it.
    case cancelled

    /// Whether nothing more happens to the job by itself.
    public var isFinished: Bool {
        switch self {
        case .done, .failed, .dead, .cancelled: true
        case .awaitingUpload, .uploaded, .queued, .running: false
        }
    }
}

/// A job as clients see it: what `GET /fetch/{job}` answers.
public struct JobStatus: Codable, Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// Where it is in its life.
    public var state: JobState
    /// The song's file name.
    public var filename: String
    /// The bucket of its song; nil for those who were only shown the job.
    public var bucket: String?
    /// The key of its song, not escaped; nil for those who were only shown the job.
    public var key: String?
    /// How it is separated; nil when only the stems are known any more.
    public var options: JobOptions?
    /// The model that separated the song, or that was asked for.
    public var model: String?
    /// The place in the queue; 1 is the next one out.
    public var position: Int?
    /// How much is done, 0…1.
    public var progress: Double
    /// How long until the stems are there, in seconds; nil when nobody can tell.
    public var etaSeconds: Double?
    /// Why it waits, where that is not only for the songs before it: a sentence.
    public var reason: String?
    /// How often work on it was begun.
    public var attempts: Int?
    /// The song's length in seconds, once somebody has measured it.
    public var audioSeconds: Double?
    /// Why it failed: a sentence.
    public var error: String?
    /// What the listener should know: sentences.
    public var warnings: [String]
    /// When it was enqueued or, before that, stored.
    public var createdAt: Date?
    /// When the last attempt began.
    public var startedAt: Date?
    /// When it came to its end.
    public var finishedAt: Date?
    /// The stems of a job that is done.
    public var stems: [Stem]
    /// What its callback was told, or is to be told; nil when there was nothing to tell.
    public var callbacks: [CallbackDelivery]?
    /// Where to go on.
    public var links: JobLinks

    /// A stem that can be fetched.
    public struct Stem: Codable, Sendable, Equatable {
        /// `drums`, `vocals`, `no_vocals`, …
        public var name: String
        /// The name to save it under.
        public var file: String
        /// Bytes.
        public var size: Int
        /// The media type.
        public var contentType: String
        /// The entity tag, without quotes.
        public var eTag: String
        /// Where it is served, relative to the host.
        public var href: String
        /// Where its peaks are served; nil where there are none.
        public var peaks: String?

        /// The stem of `record` among those of `job`.
        public init(_ record: StemRecord, of job: JobID) {
            name = record.name
            file = record.downloadName
            size = record.size
            contentType = record.contentType
            eTag = record.eTag
            href = "/fetch/\(job)/\(record.downloadName.percentEncoded())"
            peaks = record.peaks.map { _ in JobLinks.peaks(of: record.name, job) }
        }
    }

    /// A job of which no more is known than this.
    public init(_ job: JobID, state: JobState, filename: String, options: JobOptions? = nil, progress: Double = 0) {
        self.job = job
        self.state = state
        self.filename = filename
        self.options = options
        self.progress = progress
        warnings = []
        stems = []
        links = JobLinks(job)
    }

    /// What the output bucket knows of a job that is done.
    public init(_ manifest: Manifest) {
        self.init(manifest.job, state: .done, filename: manifest.filename, progress: 1)
        bucket = manifest.bucket
        key = manifest.key
        model = manifest.model
        audioSeconds = manifest.duration
        warnings = manifest.warnings
        finishedAt = manifest.finishedAt
        show(manifest.stems, original: manifest.original)
    }

    /// Shows what a job that is done has made.
    public mutating func show(_ stems: [StemRecord], original: StemRecord?) {
        self.stems = stems.map { Stem($0, of: job) }
        links.show(original, of: job)
    }
}

/// What `GET /fetch` answers: jobs, the newest first.
public struct JobList: Codable, Sendable, Equatable {
    /// The jobs.
    public var jobs: [JobStatus]
    /// The `cursor` of the next page; nil at the end.
    public var next: String?
    /// Objects that could not become jobs, for those who see everything; there when there are some.
    public var aside: [AsideObject]?

    /// A list of these jobs.
    public init(jobs: [JobStatus], next: String? = nil, aside: [AsideObject]? = nil) {
        self.jobs = jobs
        self.next = next
        self.aside = aside
    }
}

/// An object that could not be taken in: why, and how often it was tried.
public struct AsideObject: Sendable, Equatable, Codable {
    /// The bucket.
    public var bucket: String
    /// The key, not escaped.
    public var key: String
    /// What went wrong the last time, as a sentence.
    public var reason: String
    /// How often it was tried.
    public var tries: Int
    /// When it was tried last, by the clock of Redis.
    public var lastTry: Date

    /// An object of its parts.
    public init(bucket: String, key: String, reason: String, tries: Int, lastTry: Date) {
        self.bucket = bucket
        self.key = key
        self.reason = reason
        self.tries = tries
        self.lastTry = lastTry
    }
}

/// The addresses of a job, relative to the host.
public struct JobLinks: Codable, Sendable, Equatable {
    /// State, progress and stems.
    public let status: String
    /// The same as server-sent events.
    public let events: String
    /// All stems in one archive.
    public let zip: String
    /// The song itself as the model heard it; there once the job is done, as long as it is kept.
    public private(set) var original: String?
    /// The song's peaks; those of the stems stand with them.
    public private(set) var peaks: String?
    /// Where a mix of the tracks can be ordered; there once the job is done.
    public private(set) var mix: String?

    /// The addresses of `job`.
    public init(_ job: JobID) {
        status = "/fetch/\(job)"
        events = "/fetch/\(job)/events"
        zip = "/fetch/\(job)/stems.zip"
    }

    mutating func show(_ original: StemRecord?, of job: JobID) {
        self.original = original.map { _ in "/fetch/\(job)/original.wav" }
        peaks = original?.peaks.map { _ in Self.peaks(of: "original", job) }
        mix = "/fetch/\(job)/mix"
    }

    static func peaks(of track: String, _ job: JobID) -> String {
        "/fetch/\(job)/peaks?track=\(track.percentEncoded())"
    }
}

/// The data of the server-sent event `progress`; the event `state` carries a ``JobStatus``.
public struct JobProgress: Codable, Sendable, Equatable {
    /// How much is done, 0…1.
    public var progress: Double

    /// So much is done.
    public init(progress: Double) { self.progress = progress }
}

/// The data of the server-sent event `removed`, the last of a job that somebody removed.
public struct JobRemoval: Codable, Sendable, Equatable {
    /// The job that is no more.
    public var job: JobID

    /// This job is no more.
    public init(job: JobID) { self.job = job }
}
