extension Script {
    /// The jobs that were enqueued last. Those that have expired meanwhile are left out, and taken out of the index.
    ///
    /// Arguments: how many at most. Returns `{id, fields and values}` for each, newest first.
    static let recentJobs = Script(
        #"""
        local found, limit, offset = {}, tonumber(arguments[1]), 0
        while #found < limit do
            local ids = redis.call('ZREVRANGE', recent, offset, offset + 99)
            if #ids == 0 then break end
            local gone = {}
            for _, id in ipairs(ids) do
                local fields = redis.call('HGETALL', job_key(id))
                if #fields == 0 then
                    gone[#gone + 1] = id
                elseif #found < limit then
                    found[#found + 1] = {id, fields}
                end
            end
            if #gone > 0 then redis.call('ZREM', recent, unpack(gone)) end
            offset = offset + #ids - #gone
        end
        return found
        """#)
}
