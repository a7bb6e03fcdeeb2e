public import Foundation

/// What `POST /upload` answers: the song is stored, and separation begins by itself.
public struct AcceptedUpload: Codable, Sendable, Equatable {
    /// The song's job.
    public var job: JobID
    /// ``JobState/uploaded``.
    public var state: JobState
    /// The song's file name, made harmless.
    public var filename: String
    /// Bytes that were stored.
    public var size: Int
    /// Where to go on.
    public var links: JobLinks

    /// A song of `size` bytes that was stored for `job`.
    public init(job: JobID, filename: String, size: Int) {
        self.job = job
        state = .uploaded
        self.filename = filename
        self.size = size
        links = JobLinks(job)
    }
}

/// What `POST /upload?multiple=1` answers: the songs of a form, in its order.
public struct AcceptedUploads: Codable, Sendable, Equatable {
    /// Each of them.
    public var jobs: [AcceptedUpload]

    /// These songs.
    public init(jobs: [AcceptedUpload]) { self.jobs = jobs }
}

/// What `POST /upload?presign=1` answers: put the song to `url` with these headers, without a key of the service.
public struct PresignedUpload: Codable, Sendable, Equatable {
    /// The job that the song will have.
    public var job: JobID
    /// `PUT`.
    public var method: String
    /// Where to send it, with the signature.
    public var url: String
    /// The headers that were signed; all of them have to be sent as they stand here.
    public var headers: [String: String]
    /// The signature is good until then.
    public var expires: Date
    /// Where to go on.
    public var links: JobLinks

    /// A signed address for the song of `job`.
    public init(job: JobID, url: String, headers: [String: String], expires: Date) {
        self.job = job
        method = "PUT"
        self.url = url
        self.headers = headers
        self.expires = expires
        links = JobLinks(job)
    }
}

/// What `POST /separate` answers: what became of the events of a notification.
public struct SeparateAnswer: Codable, Sendable, Equatable {
    /// Songs that are in the queue now, or were already.
    public var accepted: [AcceptedSong]
    /// Events that change nothing.
    public var ignored: [IgnoredEvent]

    /// An answer of its parts.
    public init(accepted: [AcceptedSong] = [], ignored: [IgnoredEvent] = []) {
        self.accepted = accepted
        self.ignored = ignored
    }
}

/// A song that is in the queue now, or was already.
public struct AcceptedSong: Codable, Sendable, Equatable {
    /// Its job.
    public var job: JobID
    /// Its object's key, not escaped.
    public var key: String
    /// Where the job is in its life.
    public var state: JobState
    /// The place in the queue of a job that is new there.
    public var position: Int?

    /// A song of its parts.
    public init(job: JobID, key: String, state: JobState, position: Int? = nil) {
        self.job = job
        self.key = key
        self.state = state
        self.position = position
    }
}

/// An event that changes nothing, and why.
public struct IgnoredEvent: Codable, Sendable, Equatable {
    /// The bucket that it is about, when it says so.
    public var bucket: String?
    /// The key that it is about, when it says so.
    public var key: String?
    /// The job that was recorded as failed, if one was.
    public var job: JobID?
    /// Why: a sentence.
    public var reason: String

    /// An event ignored for `reason`.
    public init(bucket: String? = nil, key: String? = nil, job: JobID? = nil, reason: String) {
        self.bucket = bucket
        self.key = key
        self.job = job
        self.reason = reason
    }
}
