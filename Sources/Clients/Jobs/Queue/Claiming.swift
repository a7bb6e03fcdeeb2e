import Foundation
import Pacing
import ServiceContract
import Synchronization

// Out of the queue: take, and forget.
//
// A worker takes the next job in one step: from its line into the worker's hands, under a lease and a new fencing token,
// with the attempt counted. When there is none it waits on the list `{msaas}:wake`, into which every song that comes puts
// an entry, in steps of at most a second, so that a lost entry costs a second and no more. A claim whose answer was lost
// is asked for again under the same nonce and gets the same job.

/// A worker's right to work on a job, for as long as its lease is renewed.
public struct Claim: Sendable, Equatable {
    /// The job as it was when it was claimed.
    public let job: Job
    /// The fencing token: larger with every claim of this job, so that a worker that lost its lease is told apart from
    /// the one that has it now.
    public let token: Int64

    /// A claim with this token.
    public init(job: Job, token: Int64) {
        self.job = job
        self.token = token
    }

    /// Job and token, for scripts.
    var arguments: [RedisArgument] { [RedisArgument(job.id), RedisArgument(token)] }
}

/// The connection on which workers wait, and the claims that have not been answered yet.
final class ClaimConnection: Sendable {
    let client: RedisClient
    private let unanswered = Mutex<[String: UInt64]>([:])

    init(client: RedisClient) { self.client = client }

    /// The nonce of the worker's present claim: a new one once the last was answered.
    func nonce(of worker: String) -> UInt64 {
        unanswered.withLock { nonces in
            let nonce = nonces[worker] ?? UInt64.random(in: 0 ... .max)
            nonces[worker] = nonce
            return nonce
        }
    }

    /// Notes that the worker's claim was answered; returns its nonce if it was not.
    @discardableResult func settle(_ worker: String) -> UInt64? {
        unanswered.withLock { $0.removeValue(forKey: worker) }
    }
}

extension RedisJobQueue {
    /// Takes the waiting job whose turn it is, counts the attempt and sets the lease; waits for one if there is none.
    ///
    /// - Parameters:
    ///   - worker: the claiming worker's id. A worker has one claim under way at a time.
    ///   - wait: how long to wait.
    /// - Returns: the claim, or `nil` when the time ran out.
    /// - Throws: `CancellationError` within about a second of the task's cancellation; no job is lost by it.
    public func claim(worker: String, wait: Duration) async throws -> Claim? {
        let clock = ContinuousClock()
        let end = clock.now + wait
        while true {
            try Task.checkCancellation()
            if let claim = try await take(worker: worker) { return claim }
            let left = min(end - clock.now, .seconds(1))
            guard left > .zero else { return nil }
            _ = try await claims.client.send(
                ["BLPOP", RedisArgument(QueueKey.wake), RedisArgument(Double(max(left.milliseconds, 1)) / 1000)],
                blocking: left)
        }
    }

    private func take(worker: String) async throws -> Claim? {
        let nonce = RedisArgument(claims.nonce(of: worker))
        let reply = try await claims.client.run(Script.take(RedisArgument(worker), nonce))
        claims.settle(worker)
        guard let parts = reply.array, parts.count == 3 else { return nil }
        guard let id = parts[0].string.flatMap({ JobID($0) }), let token = parts[1].integer,
            let fields = parts[2].pairs
        else { throw RedisError.unexpectedReply("to a claim") }
        do {
            return Claim(job: try Job(id: id, fields: fields), token: token)
        } catch {
            // Nobody of this version can ever do it, and whoever is next in the queue shall not wait for that.
            let reason = RedisArgument("The job's record cannot be read: \(error)")
            _ = try await claims.client.run(Script.fail(RedisArgument(id), RedisArgument(token), reason, "0"))
            return try await take(worker: worker)
        }
    }

    /// Removes the record of a worker that ends. A job that it took and never heard of waits again.
    public func forget(worker: String) async throws {
        let nonce = claims.settle(worker).map { RedisArgument($0) } ?? ""
        _ = try await pool.run(Script.forget(RedisArgument(worker), nonce))
    }
}

extension Script {
    /// `claimed(worker, nonce)`: the job that a claim has got already.
    private static let claimed = #"""
        local function claimed(worker, nonce)
            local id = (redis.call('HGET', claims, worker) or ''):match('^' .. nonce .. ':(%x+)$')
            if id and field(id, 'state') == 'running' and field(id, 'nonce') == nonce then return id end
        end

        """#

    /// Gives a sign of life and takes the next job.
    ///
    /// Arguments: worker, nonce. Returns `{id, token, fields and values of the job}`, or nothing.
    static let take = Script(
        claimed + #"""
            local worker, nonce = unpack(ARGV)
            local entry = redis.call('HGET', workers, worker)
                or '{"heartbeat":0,"id":' .. cjson.encode(worker) .. string.format(
                    ',"memory":0,"models":[],"startedAt":%d,"state":"idle"}', now)
            redis.call('HDEL', workers, worker)
            redis.call('HSET', workers, worker, stamped(entry))
            local before = claimed(worker, nonce)
            if before then return {before, field(before, 'token'), redis.call('HGETALL', job_key(before))} end

            while true do
                local owner = redis.call('ZRANGE', queue, 0, 0)[1]
                if not owner then
                    redis.call('DEL', wake)
                    return false
                end
                local id = redis.call('ZPOPMIN', line_key(owner))[1]
                local stride, priority, turn = part_of(owner)
                if redis.call('ZCARD', line_key(owner)) == 0 then redis.call('ZREM', queue, owner) end
                if id and field(id, 'state') == 'queued' then
                    local last = tonumber(redis.call('HGET', served, priority)) or 0
                    redis.call('HSET', served, priority, whole(math.max(last, turn)))
                    if redis.call('ZCARD', line_key(owner)) == 0 then
                        redis.call('HSET', owner_key(owner), 'turn', whole(turn + stride))
                    else
                        stand(owner, priority, turn + stride)
                    end
                    local attempt = redis.call('HINCRBY', job_key(id), 'attempts', 1)
                    local token = redis.call('HINCRBY', job_key(id), 'token', 1)
                    redis.call('HSET', job_key(id), 'state', 'running', 'worker', worker, 'nonce', nonce,
                        'started_at', now)
                    redis.call('HDEL', job_key(id), 'finished_at', 'manifest')
                    redis.call('HSET', claims, worker, nonce .. ':' .. id)
                    redis.call('ZADD', leases, now + rules.lease, id)
                    record('started', id, 'worker', worker, 'attempt', attempt)
                    return {id, token, redis.call('HGETALL', job_key(id))}
                end
            end
            """#)

    /// Removes the record of a worker that ends.
    ///
    /// Arguments: worker, the nonce of a claim that was not answered (or empty).
    static let forget = Script(
        claimed + #"""
            local worker, nonce = unpack(ARGV)
            local id = nonce ~= '' and claimed(worker, nonce)
            if id then
                release(id)
                redis.call('HINCRBY', job_key(id), 'attempts', -1)
                requeue(id, 'next')
                record('recovered', id, 'worker', worker)
            end
            redis.call('HDEL', workers, worker)
            redis.call('HDEL', claims, worker)
            return 1
            """#)
}
