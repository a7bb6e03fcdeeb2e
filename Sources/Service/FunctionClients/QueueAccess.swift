import FunctionHost
import Jobs

/// The job queue as the functions use it.
public struct QueueAccess: Sendable {
    /// The queue.
    public let jobs: RedisJobQueue
    /// The log of what happens to jobs.
    public let events: RedisEventLog
    /// How the songs of an owner (`nil`: nobody's) take part.
    public var policy: @Sendable (_ owner: String?) -> OwnerPolicy = { _ in OwnerPolicy() }

    /// Access to `jobs`.
    public init(jobs: RedisJobQueue) {
        self.jobs = jobs
        events = jobs.eventLog()
    }

    /// Reads `REDIS_URL` and the queue's rules; the functions of one process share the connections, which are made
    /// when they are first used.
    ///
    /// - Throws: an error that names the variable that is wrong.
    public init(environment: FunctionEnvironment) throws {
        self = try environment.shared {
            let url = environment.variables["REDIS_URL"].flatMap { $0.isEmpty ? nil : $0 }
            return QueueAccess(
                jobs: try RedisJobQueue(
                    url: url ?? "redis://127.0.0.1:6379/0", options: QueueOptions(environment: environment.variables)))
        }
    }

    /// Passes while Redis answers and can be relied on. Not required: uploads and finished stems are served without Redis.
    public var readinessCheck: ReadinessCheck {
        ReadinessCheck("redis", isRequired: false) { [jobs] in try await jobs.health().check() }
    }
}
