extension Script {
    /// Cancels a job that waits, runs or is dead.
    ///
    /// Arguments: id. Returns the state it was in, or nothing for an unknown job.
    static let cancel = Script(
        #"""
        local id = arguments[1]
        local state = field(id, 'state')
        if state == 'queued' or state == 'running' or state == 'dead' then
            local worker = release(id)
            redis.call('LREM', queue, 0, id)
            redis.call('LREM', dead, 0, id)
            finish(id, 'cancelled')
            record('cancelled', id, 'worker', worker)
        end
        return state
        """#)
}
