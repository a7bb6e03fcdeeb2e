extension Script {
    /// Stores how far the work is, and logs every twentieth of it.
    ///
    /// Arguments: id, token, progress 0…1, audio seconds (or empty). Returns `held`, `lost` or `cancelled`.
    static let report = Script(
        #"""
        local id, token, progress, seconds = unpack(arguments)
        local status = standing(id, token)
        if status ~= 'held' then return status end
        local before = tonumber(field(id, 'progress')) or 0
        redis.call('HSET', job_key(id), 'progress', progress)
        if seconds ~= '' then redis.call('HSET', job_key(id), 'audio_seconds', seconds) end
        if math.floor(tonumber(progress) * 20) ~= math.floor(before * 20) then
            record('progress', id, 'progress', progress)
        end
        return status
        """#)
}
