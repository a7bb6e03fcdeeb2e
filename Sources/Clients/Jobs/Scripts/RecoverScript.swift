extension Script {
    /// Finds jobs whose worker is gone: those whose lease ran out, and those that were moved to the list of a worker that died
    /// before it began. The oldest is the next one out again; one that has spent its attempts is dead.
    ///
    /// After a restart of Redis the holders get one lease's time to come back first. A worker without a sign of life for two
    /// leases counts as gone, and its record is removed after an hour.
    ///
    /// Returns the ids of the jobs that were moved.
    static let recover = Script(
        #"""
        local uptime = tonumber(redis.call('INFO', 'server'):match('uptime_in_seconds:(%d+)')) * 1000
        if uptime < lease then return {} end
        local moved = {}

        local expired = redis.call('ZREVRANGEBYSCORE', leases, now, '-inf')
        for _, id in ipairs(expired) do
            local state = field(id, 'state')
            if state ~= 'running' then
                redis.call('ZREM', leases, id)
            elseif not field(id, 'sealed') then
                local attempt = tonumber(field(id, 'attempts'))
                local worker = release(id)
                local reason = 'Worker ' .. worker .. ' went away during attempt ' .. attempt .. ' of ' .. max_attempts .. '.'
                redis.call('HSET', job_key(id), 'error', reason)
                if attempt >= max_attempts then
                    finish(id, 'dead')
                    record('dead', id, 'worker', worker, 'attempt', attempt, 'message', reason)
                else
                    requeue(id, 'next')
                    record('recovered', id, 'worker', worker, 'attempt', attempt, 'message', reason)
                end
                moved[#moved + 1] = id
            end
        end

        local records = redis.call('HGETALL', workers)
        for index = 1, #records, 2 do
            local worker, silence = records[index], now - cjson.decode(records[index + 1]).heartbeat
            if silence > 2 * lease then
                for _, id in ipairs(redis.call('LRANGE', processing(worker), 0, -1)) do
                    local state = field(id, 'state')
                    if state ~= 'running' then redis.call('LREM', processing(worker), 0, id) end
                    if state == 'queued' then
                        requeue(id, 'next')
                        record('recovered', id, 'worker', worker)
                        moved[#moved + 1] = id
                    end
                end
                if silence > 3600000 and redis.call('LLEN', processing(worker)) == 0 then
                    redis.call('HDEL', workers, worker)
                end
            end
        end
        return moved
        """#)
}
