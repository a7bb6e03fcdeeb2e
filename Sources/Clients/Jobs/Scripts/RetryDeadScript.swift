extension Script {
    /// Puts dead jobs back at the end of the queue, the one that died first in front, with all attempts ahead of them.
    ///
    /// Arguments: id, or empty for all. Returns the ids of the jobs that were dead.
    static let retryDead = Script(
        #"""
        local revived = {}
        local ids = arguments[1] ~= '' and {arguments[1]} or redis.call('LRANGE', dead, 0, -1)
        for index = #ids, 1, -1 do
            local id = ids[index]
            if redis.call('LREM', dead, 0, id) > 0 and field(id, 'state') == 'dead' then
                redis.call('HSET', job_key(id), 'attempts', '0')
                redis.call('HDEL', job_key(id), 'error', 'finished_at')
                requeue(id, 'last')
                record('revived', id)
                revived[#revived + 1] = id
            end
        end
        return revived
        """#)
}
