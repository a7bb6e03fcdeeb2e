extension Script {
    /// How many jobs wait, are in workers' hands, and are dead.
    static let depth = Script(
        #"""
        return {redis.call('LLEN', queue), redis.call('ZCARD', leases), redis.call('LLEN', dead)}
        """#)
}
