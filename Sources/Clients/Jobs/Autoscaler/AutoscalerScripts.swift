extension Script {
    /// Stores the autoscaler's record with the time of Redis.
    ///
    /// Arguments: record (JSON).
    static let publishDecision = Script(
        #"""
        redis.call('HSET', 'msaas:autoscaler', 'record', arguments[1], 'decided_at', now)
        return 1
        """#)

    /// The autoscaler's hash, the hash of drain marks, and the time.
    static let autoscalerStatus = Script(
        #"""
        return {redis.call('HGETALL', 'msaas:autoscaler'), redis.call('HGETALL', 'msaas:drain'), now}
        """#)

    /// Takes a drain mark back, if it is of the origin that is named, or if none is named.
    ///
    /// Arguments: worker, origin or nothing.
    static let withdrawDrain = Script(
        #"""
        local worker, origin = unpack(arguments)
        if origin == '' or redis.call('HGET', 'msaas:drain', worker) == origin then
            redis.call('HDEL', 'msaas:drain', worker)
        end
        return 1
        """#)
}
