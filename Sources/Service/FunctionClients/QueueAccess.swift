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

    /// Access to `jobs`; with `keys` an owner takes part as its key says.
    public init(jobs: RedisJobQueue, keys: KeyRing? = nil) {
        self.jobs = jobs
        if let keys {
            policy = { name in name.flatMap { keys.client(named: $0) }.map { OwnerPolicy($0) } ?? OwnerPolicy() }
        }
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
                    url: url ?? "redis://127.0.0.1:6379/0", options: QueueOptions(environment: environment.variables)),
                keys: environment.keys)
        }
    }

    /// Passes while Redis answers and can be relied on. Not required: uploads and finished stems are served without Redis.
    public var readinessCheck: ReadinessCheck {
        ReadinessCheck("redis", isRequired: false) { [jobs] in try await jobs.health().check() }
    }
}

extension OwnerPolicy {
    /// What a key says of its owner.
    init(_ key: APIKey) {
        let quota = key.quota
        self.init(
            weight: quota.weight, priority: quota.priority, maxWaiting: quota.maxWaiting,
            bytesPerDay: quota.bytesPerDay, secondsPerDay: quota.secondsPerDay.map(Double.init),
            budget: key.budget)
    }
}

extension Caller {
    /// What the sender of a request may see: on a host without keys everything, with a key its own, with an admin's all.
    public var viewer: Viewer {
        switch self {
        case .anybody, .tokenHolder: .everybody
        case .key(let key): key.isAdmin ? .admin : .owner(key.name)
        }
    }
}
