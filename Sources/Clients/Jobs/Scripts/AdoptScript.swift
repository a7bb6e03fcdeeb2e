extension Script {
    /// The step before waiting for a job: gives a sign of life, and looks for a job that was moved to this worker's list
    /// although the worker never heard of it (the reply was lost, or it was stopped in between).
    ///
    /// Arguments: worker. Returns the id of such a job, or nothing.
    static let adopt = Script(
        #"""
        local worker = arguments[1]
        local entry = redis.call('HGET', workers, worker)
            or '{"heartbeat":0,"id":' .. cjson.encode(worker) .. string.format(
                ',"memory":0,"models":[],"startedAt":%d,"state":"idle"}', now)
        redis.call('HSET', workers, worker, stamped(entry))
        for _, id in ipairs(redis.call('LRANGE', processing(worker), 0, -1)) do
            local state = field(id, 'state')
            if state == 'queued' then return id end
            if state ~= 'running' then redis.call('LREM', processing(worker), 0, id) end
        end
        return false
        """#)
}
