extension Script {
    /// Forgets a job.
    ///
    /// Arguments: id. Returns 1, or 0 for an unknown job.
    static let remove = Script(
        #"""
        local id = arguments[1]
        if not field(id, 'state') then return 0 end
        local worker = release(id)
        redis.call('LREM', queue, 0, id)
        redis.call('LREM', dead, 0, id)
        redis.call('ZREM', recent, id)
        redis.call('DEL', job_key(id))
        record('removed', id, 'worker', worker)
        return 1
        """#)
}
