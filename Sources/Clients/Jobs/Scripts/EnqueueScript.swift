extension Script {
    /// Puts a job at the end of the queue unless it is known.
    ///
    /// Arguments: id, bucket, key, filename, options (JSON), audio seconds (or empty).
    /// Returns `{'enqueued', position}` or `{'known', state}`.
    static let enqueue = Script(
        #"""
        local id, bucket, key, filename, options, seconds = unpack(arguments)
        local state = field(id, 'state')
        if state then return {'known', state} end
        redis.call('HSET', job_key(id), 'bucket', bucket, 'key', key, 'filename', filename, 'options', options,
            'state', 'queued', 'attempts', '0', 'token', '0', 'progress', '0', 'created_at', now)
        if seconds ~= '' then redis.call('HSET', job_key(id), 'audio_seconds', seconds) end
        redis.call('ZADD', recent, now, id)
        redis.call('ZREMRANGEBYRANK', recent, 0, -recent_cap - 1)
        record('enqueued', id, 'message', filename)
        return {'enqueued', redis.call('LPUSH', queue, id)}
        """#)
}
