extension Script {
    /// Finds sealed jobs whose lease ran out, and renews the lease so that one caller at a time takes care of each.
    ///
    /// Returns `{id, fields and values}` for each.
    static let unpublished = Script(
        #"""
        local found = {}
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
            if field(id, 'state') == 'running' and field(id, 'sealed') then
                extend(id)
                found[#found + 1] = {id, redis.call('HGETALL', job_key(id))}
            end
        end
        return found
        """#)
}
