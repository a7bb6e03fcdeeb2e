import ServiceContract

/// The event log in Redis: the stream `{msaas}:events`.
///
/// However many tails are read at once, one connection waits for news on behalf of all of them.
public struct RedisEventLog: EventLog {
    private let pool: RedisPool
    private let news: EventNews

    /// The log of `queue`.
    public init(queue: RedisJobQueue) {
        pool = queue.pool
        news = EventNews(address: queue.address, timeouts: queue.options.timeouts)
    }

    /// See ``EventLog/end()``.
    public func end() async throws -> EventID {
        let reply = try await pool.client.send(["XREVRANGE", RedisArgument(QueueKey.events), "+", "-", "COUNT", "1"])
        return reply.array?.first?.array?.first?.string.flatMap { EventID($0) } ?? .zero
    }

    /// See ``EventLog/events(after:limit:)``.
    public func events(after start: EventID, limit: Int) async throws -> [JobEvent] {
        try await page(after: start, limit: limit).events
    }

    /// See ``EventLog/events(of:)``; reads the whole log.
    public func events(of job: JobID) async throws -> [JobEvent] {
        var found: [JobEvent] = []
        var place: EventID? = .zero
        while let start = place {
            let page = try await page(after: start, limit: 1000)
            found += page.events.filter { $0.job == job }
            place = page.end
        }
        return found
    }

    /// See ``EventLog/tail(from:)``.
    public func tail(from start: EventID) -> EventTail {
        EventTail(from: start) { start in
            var place = start
            while true {
                try Task.checkCancellation()
                do {
                    let mark = await news.mark()
                    let page = try await page(after: place, limit: 100)
                    if !page.events.isEmpty { return page.events }
                    place = page.end ?? place
                    if page.end == nil { try await news.wait(since: mark, after: place) }
                } catch let error as RedisError where error.isTransient {
                    try await Task.sleep(for: .milliseconds(500))
                }
            }
        }
    }

    /// Up to `limit` entries after `start`, and the place of the last of them; `nil` when there are none.
    private func page(after start: EventID, limit: Int) async throws -> (events: [JobEvent], end: EventID?) {
        let reply = try await pool.client.send([
            "XRANGE", RedisArgument(QueueKey.events), RedisArgument("(\(start)"), "+", "COUNT", RedisArgument(limit),
        ])
        return (try Self.events(reply), reply.array?.last?.array?.first?.string.flatMap { EventID($0) })
    }

    /// Reads `{id, {name, value, …}}` for each event; events of kinds that this version does not know are left out.
    static func events(_ reply: RedisValue) throws(RedisError) -> [JobEvent] {
        guard let entries = reply.array else { throw .unexpectedReply("in place of events") }
        return entries.compactMap { entry in
            guard let parts = entry.array, parts.count == 2, let id = parts[0].string.flatMap({ EventID($0) }),
                let fields = parts[1].pairs, let kind = fields["kind"].flatMap(JobEvent.Kind.init),
                let job = fields["job"].flatMap({ JobID($0) })
            else { return nil }
            return JobEvent(
                id: id, kind: kind, job: job, worker: fields["worker"], attempt: fields["attempt"].flatMap { Int($0) },
                progress: fields["progress"].flatMap { Double($0) }, message: fields["message"])
        }
    }
}
