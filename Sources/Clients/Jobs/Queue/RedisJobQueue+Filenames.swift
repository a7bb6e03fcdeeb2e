import ServiceContract

extension RedisJobQueue {
    /// The file names of `jobs`, in one step; those of jobs that the queue does not know are left out.
    public func filenames(of jobs: some Sequence<JobID>) async throws -> [JobID: String] {
        let ids = Array(jobs)
        guard !ids.isEmpty else { return [:] }
        let list = RedisArgument(ids.map(\.description).joined(separator: " "))
        let reply = try await pool.run(Script.filenames(options.scripts, list))
        guard let names = reply.array, names.count == ids.count else {
            throw RedisError.unexpectedReply("in place of file names")
        }
        return Dictionary(zip(ids, names).compactMap { id, name in name.string.map { (id, $0) } }) { $1 }
    }
}

extension Script {
    /// The file names of jobs, an empty reply for one that is not known.
    ///
    /// Arguments: the ids, with blanks between.
    static let filenames = Script(
        #"""
        local found = {}
        for id in arguments[1]:gmatch('%x+') do found[#found + 1] = field(id, 'filename') end
        return found
        """#)
}
