import Foundation
import ServiceContract

/// How the songs of one owner take part: its weight and priority in the order of turns, and what it may use.
///
/// It is passed with each song, and the last one counts; whoever knows the keys decides.
public struct OwnerPolicy: Sendable, Equatable {
    /// How many songs are taken in the time in which an owner of weight 1 gets one, 1…100.
    public var weight: Int
    /// Songs of a higher priority go before all of a lower one, −9…9.
    public var priority: Int
    /// How many songs may wait at once.
    public var maxWaiting: Int?
    /// How many bytes of songs are taken in a day (UTC).
    public var bytesPerDay: Int?
    /// How many seconds of music are taken in a day (UTC). A song's length counts once it is known.
    public var secondsPerDay: Double?
    /// What each of the songs may take of a worker; it goes into the job.
    public var budget: SongBudget

    /// The usual part; values out of bounds count as the nearest one within.
    public init(
        weight: Int = 1, priority: Int = 0, maxWaiting: Int? = nil, bytesPerDay: Int? = nil,
        secondsPerDay: Double? = nil, budget: SongBudget = SongBudget()
    ) {
        self.budget = budget
        self.weight = min(max(weight, 1), 100)
        self.priority = min(max(priority, -9), 9)
        self.maxWaiting = maxWaiting
        self.bytesPerDay = bytesPerDay
        self.secondsPerDay = secondsPerDay
    }

    /// For scripts: weight, priority, and the limits, empty where there is none.
    var arguments: [RedisArgument] {
        [
            RedisArgument(weight), RedisArgument(priority), maxWaiting.map { RedisArgument($0) } ?? "",
            bytesPerDay.map { RedisArgument($0) } ?? "", secondsPerDay.map { RedisArgument($0) } ?? "",
        ]
    }
}

/// A song was not taken in, since its owner has used what it may.
public struct OverQuota: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is used up.
    public enum Limit: String, Sendable { case waiting, bytes, seconds }

    /// What is used up.
    public let limit: Limit
    /// How much of it the owner may use.
    public let allowed: Double
    /// When to come back, in whole seconds.
    public let retryAfter: Int

    /// A limit that was reached.
    public init(limit: Limit, allowed: Double, retryAfter: Int) {
        self.limit = limit
        self.allowed = allowed
        self.retryAfter = retryAfter
    }

    /// A sentence for the owner.
    public var description: String {
        let number = allowed.rounded() == allowed ? String(format: "%.0f", allowed) : "\(allowed)"
        let what =
            switch limit {
            case .waiting: "\(number) of your songs wait already, which is the most that may"
            case .bytes: "Today’s songs would be more than the \(number) bytes that you may send in a day"
            case .seconds: "Today’s songs have reached the \(number) seconds of music that you may send in a day"
            }
        return "\(what); come back in \(retryAfter) s."
    }

    /// Reads `{'over', limit, allowed, milliseconds until it is worth coming back}`; nothing from any other answer.
    init?(_ reply: RedisValue) {
        guard let parts = reply.array, parts.count == 4, parts[0].string == "over",
            let limit = parts[1].string.flatMap(Limit.init), let allowed = parts[2].string.flatMap({ Double($0) }),
            let wait = parts[3].integer
        else { return nil }
        self.init(limit: limit, allowed: allowed, retryAfter: max(1, Int((wait + 999) / 1000)))
    }
}

/// Who asks about jobs. The one place that decides who may see, fetch, cancel or remove a job.
public enum Viewer: Sendable, Equatable {
    /// Whoever comes, where nobody needs a key.
    case everybody
    /// The owner of this name.
    case owner(String)
    /// Somebody who may see everything.
    case admin
    /// Somebody who was shown one job.
    case guest(JobID)

    /// Whether an object of this owner (`nil`: nobody's) is theirs to see, whatever job it has.
    public func maySee(ownedBy owner: String?) -> Bool {
        switch self {
        case .everybody, .admin: true
        case .owner(let name): name == owner
        case .guest: false
        }
    }

    /// Whether a job of this owner (`nil`: nobody's) is theirs to see.
    public func maySee(_ job: JobID, ownedBy owner: String?) -> Bool {
        if case .guest(let shown) = self { job == shown } else { maySee(ownedBy: owner) }
    }

    /// The jobs that they are told of.
    public var scope: JobScope {
        switch self {
        case .everybody, .admin: .all
        case .owner(let name): .owner(name)
        case .guest(let job): .job(job)
        }
    }
}

extension RedisJobQueue {
    /// Whether a song of so many bytes would be taken in, without taking it; asked before its bytes are received.
    ///
    /// - Returns: what is used up, or `nil` when it would be.
    public func quota(of owner: String?, under policy: OwnerPolicy, bytes: Int = 0) async throws -> OverQuota? {
        let arguments = [RedisArgument(owner ?? ""), RedisArgument(bytes)] + policy.arguments
        return OverQuota(try await pool.run(ScriptCall(script: .quota, arguments: arguments)))
    }
}

extension Script {
    /// `over_quota(owner, bytes, limits…)`: nothing, or `{'over', limit, allowed, milliseconds}`.
    static let quotaStep = #"""
        local function over_quota(owner, bytes, max_waiting, bytes_per_day, seconds_per_day)
            if tonumber(max_waiting) and redis.call('ZCARD', line_key(owner)) >= tonumber(max_waiting) then
                -- About as long as the present songs take to make room for one.
                local times, sum = redis.call('LRANGE', pace, 0, -1), 0
                for _, entry in ipairs(times) do sum = sum + tonumber(entry:match('^%d+')) end
                local wait = #times > 0 and sum / #times or 30000
                return {'over', 'waiting', max_waiting, whole(math.min(math.max(wait, 1000), 600000))}
            end
            local used_bytes, used_seconds = used_today(owner)
            local midnight = whole(86400000 - now % 86400000)
            if tonumber(bytes_per_day) and used_bytes + bytes > tonumber(bytes_per_day) then
                return {'over', 'bytes', bytes_per_day, midnight}
            end
            if tonumber(seconds_per_day) and used_seconds >= tonumber(seconds_per_day) then
                return {'over', 'seconds', seconds_per_day, midnight}
            end
            return false
        end

        """#

    /// Whether an owner may send a song.
    ///
    /// Arguments: owner, bytes, weight, priority, limits.
    static let quota = Script(
        quotaStep + #"""
            local owner, bytes, _, _, max_waiting, bytes_per_day, seconds_per_day = unpack(ARGV)
            return over_quota(owner, tonumber(bytes), max_waiting, bytes_per_day, seconds_per_day)
            """#)
}
