extension Script {
    /// Renews a lease.
    ///
    /// Arguments: id, token. Returns `held`, `lost` or `cancelled`.
    static let renew = Script(
        #"""
        local id, token = unpack(arguments)
        local status = standing(id, token)
        if status == 'held' then extend(id) end
        return status
        """#)
}
