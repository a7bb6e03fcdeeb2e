import Jobs
import ServiceContract

/// The addresses of a job, relative to the host.
public struct JobLinks: Codable, Sendable, Equatable {
    /// State, progress and stems.
    public let status: String
    /// The same as server-sent events.
    public let events: String
    /// All stems in one archive.
    public let zip: String

    /// The addresses of `job`.
    public init(_ job: JobID) {
        status = "/fetch/\(job)"
        events = "/fetch/\(job)/events"
        zip = "/fetch/\(job)/stems.zip"
    }
}
