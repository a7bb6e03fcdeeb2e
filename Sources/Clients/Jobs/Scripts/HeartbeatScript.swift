extension Script {
    /// Stores a worker's record with the time of Redis.
    ///
    /// Arguments: worker, record (JSON).
    static let heartbeat = Script(
        #"""
        local worker, text = unpack(arguments)
        redis.call('HDEL', workers, worker)
        redis.call('HSET', workers, worker, stamped(text))
        return 1
        """#)
}
