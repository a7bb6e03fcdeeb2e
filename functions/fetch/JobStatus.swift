import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ServiceContract

/// A job as clients see it.
struct JobStatus: Codable, Sendable, Equatable {
    var job: JobID
    var state: JobState
    var filename: String
    var options: JobOptions?
    /// The model that separated the song.
    var model: String?
    /// The place in the queue; 1 is the next one out.
    var position: Int?
    /// 0…1.
    var progress: Double
    /// How long until the stems are there, in seconds; left out when nobody can tell.
    var etaSeconds: Double?
    var attempts: Int?
    /// The song's length in seconds.
    var audioSeconds: Double?
    /// Why the job failed.
    var error: String?
    var warnings: [String] = []
    var createdAt: Date?
    var startedAt: Date?
    var finishedAt: Date?
    var stems: [Stem] = []
    var links: JobLinks

    /// A stem that can be fetched.
    struct Stem: Codable, Sendable, Equatable {
        var name: String
        var file: String
        var size: Int
        var contentType: String
        var eTag: String
        var href: String
    }

    /// What Redis knows.
    init(_ job: Job) {
        self.job = job.id
        state = job.state
        filename = job.filename
        options = job.options
        model = job.model ?? job.options.model
        progress = job.state == .done ? 1 : job.progress
        attempts = job.attempts
        audioSeconds = job.audioSeconds
        error = job.error
        warnings = job.warnings
        createdAt = job.createdAt
        startedAt = job.startedAt
        finishedAt = job.finishedAt
        stems = job.stems.map { Stem($0, of: job.id) }
        links = JobLinks(job.id)
    }

    /// What the output bucket knows.
    init(_ manifest: Manifest) {
        job = manifest.job
        state = .done
        filename = manifest.filename
        model = manifest.model
        progress = 1
        audioSeconds = manifest.duration
        warnings = manifest.warnings
        finishedAt = manifest.finishedAt
        stems = manifest.stems.map { Stem($0, of: manifest.job) }
        links = JobLinks(manifest.job)
    }

    /// What the queue's bucket knows.
    init(_ job: JobID, filename: String, options: JobOptions?, storedAt: Date?) {
        self.job = job
        state = .uploaded
        self.filename = filename
        self.options = options
        progress = 0
        createdAt = storedAt
        links = JobLinks(job)
    }
}

extension JobStatus.Stem {
    init(_ record: StemRecord, of job: JobID) {
        name = record.name
        file = record.downloadName
        size = record.size
        contentType = record.contentType
        eTag = record.eTag
        href = "/fetch/\(job)/\(PercentEncoding.encode(record.downloadName))"
    }
}

extension StemRecord {
    /// `vocals.wav`: the file without the folder of its attempt.
    var downloadName: String { file.unicodeScalars.split(separator: "/").last.map { String($0) } ?? name }
}
