import ServiceContract

// Jobs in the order in which they were enqueued, the newest first: all at once for programs of ours, page by page for clients.

/// Which jobs somebody is told of.
public enum JobScope: Sendable, Hashable {
    /// Everybody's.
    case all
    /// Those of one owner.
    case owner(String)
    /// One alone.
    case job(JobID)
}

/// A place in a listing: the job after which it goes on.
public struct ListingPlace: Sendable, Equatable, CustomStringConvertible {
    let milliseconds: String
    let job: JobID

    /// Reads what ``description`` wrote; nil for anything else.
    public init?(_ text: String) {
        guard let match = text.wholeMatch(of: /([0-9]{1,16})-([0-9a-f]{32})/), let job = JobID(match.2) else {
            return nil
        }
        self.init(milliseconds: String(match.1), job: job)
    }

    init(milliseconds: String, job: JobID) {
        self.milliseconds = milliseconds
        self.job = job
    }

    /// `1700000000000-0123…`.
    public var description: String { "\(milliseconds)-\(job)" }
}

extension RedisJobQueue {
    /// The jobs that were enqueued last, newest first.
    ///
    /// - Parameter owner: whose; `nil` for everybody's.
    public func recent(limit: Int, owner: String? = nil) async throws -> [Job] {
        let reply = try await pool.run(Script.recentJobs(RedisArgument(limit), RedisArgument(owner ?? "")))
        guard let entries = reply.array else { throw RedisError.unexpectedReply("in place of jobs") }
        return try entries.map { try Job(entry: $0) }
    }

    /// A page of jobs, newest first.
    ///
    /// At most 1,000 jobs are looked at for it, so a page of few or no jobs need not be the last one: there is more as long as
    /// there is a place to go on from.
    /// - Parameters:
    ///   - place: where the page before ended.
    ///   - state: only jobs in this state.
    ///   - key: only jobs of the object under this key.
    public func page(
        of scope: JobScope, limit: Int, after place: ListingPlace? = nil, state: JobState? = nil, key: String? = nil
    ) async throws -> (jobs: [Job], next: ListingPlace?) {
        let owner: String
        switch scope {
        case .all: owner = ""
        case .owner(let name): owner = name
        case .job(let id): return (try await job(id).map { [$0] } ?? [], nil)
        }
        let reply = try await pool.run(
            Script.page(
                RedisArgument(limit), RedisArgument(owner), RedisArgument(place?.milliseconds ?? ""),
                RedisArgument(place?.job.description ?? ""), RedisArgument(state?.rawValue ?? ""),
                key.map { RedisArgument($0) } ?? "", key == nil ? "0" : "1", "1000"))
        guard let parts = reply.array, parts.count == 3, let entries = parts[0].array,
            let milliseconds = parts[1].string, let last = parts[2].string
        else { throw RedisError.unexpectedReply("in place of jobs") }
        let next = JobID(last).map { ListingPlace(milliseconds: milliseconds, job: $0) }
        return (try entries.map { try Job(entry: $0) }, next)
    }
}

extension Script {
    /// The jobs that were enqueued last. Those that have expired meanwhile are left out, and taken out of the index.
    ///
    /// Arguments: how many at most, owner (or empty). Returns `{id, fields and values}` for each, newest first.
    static let recentJobs = Script(
        #"""
        local found, limit, offset = {}, tonumber(ARGV[1]), 0
        local index = ARGV[2] == '' and recent or recent_of(ARGV[2])
        while #found < limit do
            local ids = redis.call('ZREVRANGE', index, offset, offset + 99)
            if #ids == 0 then break end
            local gone = {}
            for _, id in ipairs(ids) do
                if #found == limit then break end
                local fields = redis.call('HGETALL', job_key(id))
                if #fields == 0 then
                    gone[#gone + 1] = id
                else
                    found[#found + 1] = {id, fields}
                end
            end
            if #gone > 0 then redis.call('ZREM', index, unpack(gone)) end
            offset = offset + #ids - #gone
        end
        return found
        """#)

    /// A page of the jobs by the time of enqueueing, those of one time by their ids.
    ///
    /// Arguments: how many at most, owner (or empty), time and id of the job before the page (or empty), state (or empty), key,
    /// whether the key counts (1 or 0), how many to look at. Returns `{jobs, time, id}`: the place to go on from, empty at the end.
    static let page = Script(
        #"""
        local limit, owner, before, before_id, state, key, has_key, most = unpack(ARGV)
        limit, most = tonumber(limit), tonumber(most)
        local index = owner == '' and recent or recent_of(owner)
        local found, gone, offset, seen = {}, {}, 0, 0
        local place, last_place, is_more = {'', ''}, {'', ''}, false
        while not is_more do
            local ids = redis.call('ZREVRANGEBYSCORE', index, before == '' and '+inf' or before, '-inf', 'WITHSCORES',
                'LIMIT', offset, 100)
            if #ids == 0 then break end
            offset = offset + #ids / 2
            for at = 1, #ids, 2 do
                local id, score = ids[at], ids[at + 1]
                if before == '' or tonumber(score) < tonumber(before) or id < before_id then
                    seen = seen + 1
                    local values = redis.call('HMGET', job_key(id), 'state', 'key')
                    if not values[1] then
                        gone[#gone + 1] = id
                    elseif (state == '' or values[1] == state) and (has_key == '0' or values[2] == key) then
                        if #found == limit then
                            is_more = true
                            break
                        end
                        found[#found + 1] = {id, redis.call('HGETALL', job_key(id))}
                        last_place = {score, id}
                    end
                    place = {score, id}
                    if seen == most then
                        is_more, last_place = true, place
                        break
                    end
                end
            end
        end
        if #gone > 0 then redis.call('ZREM', index, unpack(gone)) end
        if not is_more then last_place = {'', ''} end
        return {found, last_place[1], last_place[2]}
        """#)
}
