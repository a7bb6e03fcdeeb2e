extension Script {
    /// The records of the workers that gave a sign of life within two leases, or within a minute if that is longer.
    static let workers = Script(
        #"""
        local found, entries = {}, redis.call('HVALS', workers)
        for _, entry in ipairs(entries) do
            if now - cjson.decode(entry).heartbeat <= math.max(2 * lease, 60000) then found[#found + 1] = entry end
        end
        return found
        """#)
}
