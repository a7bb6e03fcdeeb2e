import Foundation

/// What `GET /session` answers: who a browser is to this service.
public struct SessionStatus: Codable, Sendable, Equatable {
    /// Whether nobody is asked for a key here.
    public var open: Bool
    /// The name of the key that was sent, or that the session was begun with; nil on an open host.
    public var owner: String?
    /// Whether that key sees and changes everybody's jobs.
    public var admin: Bool
    /// What requests of this session that change something send in `X-CSRF-Token`; nil without a session.
    public var csrf: String?

    /// Somebody without a key.
    public init(open: Bool) {
        self.open = open
        admin = false
    }
}

/// What `POST /fetch/{job}/share` answers: a link that shows one job to whoever has it, and lets nobody change it.
public struct SharedLink: Codable, Sendable, Equatable {
    /// The page that plays the job, relative to the host.
    public var url: String
    /// The link's `token`, which addresses of this job take as a query.
    public var token: String
    /// When the link ends.
    public var expiresAt: Date

    /// The link to `job` with this token.
    public init(job: JobID, token: String, expiresAt: Date) {
        url = "/?song=\(job)&token=\(token)"
        self.token = token
        self.expiresAt = expiresAt
    }
}
