extension Script {
    /// Removes the record of a worker that ends. A job that was moved to its list and never begun waits again.
    ///
    /// Arguments: worker.
    static let forget = Script(
        #"""
        local worker = arguments[1]
        for _, id in ipairs(redis.call('LRANGE', processing(worker), 0, -1)) do
            local state = field(id, 'state')
            if state ~= 'running' then redis.call('LREM', processing(worker), 0, id) end
            if state == 'queued' then
                requeue(id, 'next')
                record('recovered', id, 'worker', worker)
            end
        end
        redis.call('HDEL', workers, worker)
        return 1
        """#)
}
