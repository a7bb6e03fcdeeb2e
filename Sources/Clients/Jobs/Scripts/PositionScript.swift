extension Script {
    /// Where a job waits.
    ///
    /// Arguments: id. Returns the position, 1 being the next one out, or nothing.
    static let position = Script(
        #"""
        local index = redis.call('LPOS', queue, arguments[1], 'RANK', -1)
        return index and redis.call('LLEN', queue) - index
        """#)
}
