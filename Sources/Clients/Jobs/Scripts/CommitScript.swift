extension Script {
    /// Marks a job as done. Repeating it with the token that did so is answered with `held` again.
    ///
    /// Arguments: id, token, manifest (JSON), audio seconds. Returns `held`, `lost` or `cancelled`.
    static let commit = Script(
        #"""
        local id, token, manifest, seconds = unpack(arguments)
        local status = standing(id, token)
        if status ~= 'held' then
            if field(id, 'state') == 'done' and field(id, 'token') == token then return 'held' end
            return status
        end
        local sealed = field(id, 'sealed')
        local worker = release(id)
        if not sealed then redis.call('HSET', job_key(id), 'manifest', manifest) end
        redis.call('HSET', job_key(id), 'progress', '1', 'audio_seconds', seconds)
        redis.call('HDEL', job_key(id), 'error')
        finish(id, 'done')
        record('done', id, 'worker', worker, 'attempt', field(id, 'attempts'))
        return status
        """#)
}
