extension Script {
    /// Fixes a job's manifest, so that nobody works on the job again.
    ///
    /// Arguments: id, token, manifest (JSON). Returns `held`, `lost` or `cancelled`.
    static let seal = Script(
        #"""
        local id, token, manifest = unpack(arguments)
        local status = standing(id, token)
        if status ~= 'held' then return status end
        extend(id)
        if not field(id, 'sealed') then
            redis.call('HSET', job_key(id), 'sealed', '1', 'manifest', manifest, 'progress', '1')
            record('sealed', id, 'worker', field(id, 'worker'))
        end
        return status
        """#)
}
