extension Script {
    /// Ends an attempt that did not succeed.
    ///
    /// Arguments: id, token, reason, whether to try again (1 or 0). Returns the job's state afterwards (`cancelled` for a job
    /// that was removed), whether or not the claim still held it. A sealed job cannot fail any more.
    static let fail = Script(
        #"""
        local id, token, reason, again = unpack(arguments)
        if standing(id, token) ~= 'held' or field(id, 'sealed') then return field(id, 'state') or 'cancelled' end
        local attempt = tonumber(field(id, 'attempts'))
        local worker = release(id)
        redis.call('HSET', job_key(id), 'error', reason)
        if again == '0' then
            finish(id, 'failed')
            record('failed', id, 'worker', worker, 'attempt', attempt, 'message', reason)
        elseif attempt >= max_attempts then
            finish(id, 'dead')
            record('dead', id, 'worker', worker, 'attempt', attempt, 'message', reason)
        else
            requeue(id, 'last')
            record('retried', id, 'worker', worker, 'attempt', attempt, 'message', reason)
        end
        return field(id, 'state')
        """#)
}
