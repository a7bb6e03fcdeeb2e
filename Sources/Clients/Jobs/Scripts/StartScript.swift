extension Script {
    /// Begins work on a job that was moved to the worker's list: counts the attempt, hands out the next fencing token and
    /// sets the lease. Refused when the job was taken back, cancelled or removed in the meantime. Repeating it with the same
    /// nonce gives the same answer.
    ///
    /// Arguments: id, worker, nonce. Returns `{token, fields and values of the job}` or nothing.
    static let start = Script(
        #"""
        local id, worker, nonce = unpack(arguments)
        local state = field(id, 'state')
        if state == 'running' and field(id, 'nonce') == nonce then
            return {field(id, 'token'), redis.call('HGETALL', job_key(id))}
        end
        if not redis.call('LPOS', processing(worker), id) then return false end
        if state ~= 'queued' then
            if state ~= 'running' or field(id, 'worker') ~= worker then redis.call('LREM', processing(worker), 0, id) end
            return false
        end
        local attempt = redis.call('HINCRBY', job_key(id), 'attempts', 1)
        local token = redis.call('HINCRBY', job_key(id), 'token', 1)
        redis.call('HSET', job_key(id), 'state', 'running', 'worker', worker, 'nonce', nonce, 'started_at', now)
        redis.call('HDEL', job_key(id), 'finished_at', 'manifest')
        redis.call('ZADD', leases, now + lease, id)
        record('started', id, 'worker', worker, 'attempt', attempt)
        return {token, redis.call('HGETALL', job_key(id))}
        """#)
}
