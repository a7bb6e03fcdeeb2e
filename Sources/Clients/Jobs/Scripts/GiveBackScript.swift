extension Script {
    /// Makes a claimed job the next one out again, as if the attempt had not been. A sealed job is left for whoever publishes
    /// it: its lease ends now.
    ///
    /// Arguments: id, token. Returns `held`, `lost` or `cancelled`.
    static let giveBack = Script(
        #"""
        local id, token = unpack(arguments)
        local status = standing(id, token)
        if status ~= 'held' then return status end
        if field(id, 'sealed') then
            redis.call('ZREM', leases, id)
            redis.call('ZADD', leases, now, id)
            return status
        end
        local worker = release(id)
        redis.call('HINCRBY', job_key(id), 'attempts', -1)
        requeue(id, 'next')
        record('given-back', id, 'worker', worker)
        return status
        """#)
}
