extension Script {
    /// Records a job that cannot be done as failed, unless a job with its id is known.
    ///
    /// Arguments: id, bucket, key, filename, options (JSON), reason. Returns the job's state afterwards.
    static let reject = Script(
        #"""
        local id, bucket, key, filename, options, reason = unpack(arguments)
        local state = field(id, 'state')
        if state then return state end
        redis.call('HSET', job_key(id), 'bucket', bucket, 'key', key, 'filename', filename, 'options', options,
            'attempts', '0', 'token', '0', 'progress', '0', 'created_at', now, 'error', reason)
        redis.call('ZADD', recent, now, id)
        redis.call('ZREMRANGEBYRANK', recent, 0, -recent_cap - 1)
        finish(id, 'failed')
        record('failed', id, 'message', reason)
        return 'failed'
        """#)
}
