import ServiceContract

/// The log of everything that happened to jobs: the stream `{msaas}:events`. It is written by the queue, together with the
/// change itself, so that neither exists without the other; it keeps the latest events only.
///
/// However many tails are read at once, one connection reads on behalf of all of them; see ``EventFeed``.
public struct RedisEventLog: Sendable {
    private let pool: RedisPool
    private let feed: EventFeed

    /// The log of `queue`.
    public init(queue: RedisJobQueue) {
        pool = queue.pool
        feed = EventFeed(address: queue.address, timeouts: queue.options.timeouts)
    }

    /// The place after the newest event.
    public func end() async throws -> EventID {
        let reply = try await pool.client.send(["XREVRANGE", RedisArgument(QueueKey.events), "+", "-", "COUNT", "1"])
        return Self.end(of: reply) ?? .zero
    }

    /// Up to `limit` events after `start`, oldest first.
    public func events(after start: EventID, limit: Int) async throws -> [JobEvent] {
        try await page(after: start, limit: limit).events
    }

    /// The events of one job that are still in the log, oldest first; reads the whole log.
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

    /// Whether the log certainly tells nothing of a job after `start`; one command, so after very many events it is not certain.
    public func isSilent(about job: JobID, since start: EventID) async throws -> Bool {
        let reply = try await pool.client.send([
            "XRANGE", RedisArgument(QueueKey.events), RedisArgument("(\(start)"), "+", "COUNT", "1000",
        ])
        let events = try Self.events(reply)
        return (reply.array?.count ?? 0) < 1000 && !events.contains { $0.job == job }
    }

    /// The place before the oldest event that is still in the log; what is earlier was forgotten.
    public func beginning() async throws -> EventID {
        let reply = try await pool.client.send(["XRANGE", RedisArgument(QueueKey.events), "-", "+", "COUNT", "1"])
        return Self.end(of: reply) ?? .zero
    }

    /// All events after `start` of the jobs in `scope`, oldest first, then each new one as it happens, until the task is
    /// cancelled. The reader's pace is kept: what it has not taken waits in the log. When Redis is away it goes on once
    /// Redis is back.
    public func tail(from start: EventID, of scope: JobScope = .all) -> EventTail {
        EventTail(log: self, start: start, scope: scope)
    }

    fileprivate func subscription(of scope: JobScope) async -> EventSubscription {
        await EventSubscription(feed, to: scope)
    }

    /// Up to `limit` entries after `start`, and the place of the last of them; `nil` when there are none.
    fileprivate func page(after start: EventID, limit: Int) async throws -> (events: [JobEvent], end: EventID?) {
        let reply = try await pool.client.send([
            "XRANGE", RedisArgument(QueueKey.events), RedisArgument("(\(start)"), "+", "COUNT", RedisArgument(limit),
        ])
        return (try Self.events(reply), reply.array?.last?.array?.first?.string.flatMap { EventID($0) })
    }

    /// The place of the last entry of a reply; for `XREVRANGE … COUNT 1` that is the only one.
    static func end(of reply: RedisValue) -> EventID? {
        reply.array?.last?.array?.first?.string.flatMap { EventID($0) }
    }

    /// Reads `{id, {name, value, …}}` for each event; events of kinds that this version does not know are left out.
    static func events(_ reply: RedisValue) throws(RedisError) -> [JobEvent] {
        guard let entries = reply.array else { throw .unexpectedReply("in place of events") }
        return entries.compactMap { entry in
            guard let parts = entry.array, parts.count == 2, let id = parts[0].string.flatMap({ EventID($0) }),
                let fields = parts[1].pairs, let kind = fields["kind"].flatMap({ JobEvent.Kind(rawValue: $0) }),
                let job = fields["job"].flatMap({ JobID($0) })
            else { return nil }
            func text(_ name: String) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
            return JobEvent(
                id: id, kind: kind, job: job, owner: text("owner"), worker: text("worker"),
                attempt: fields["attempt"].flatMap { Int($0) },
                progress: fields["progress"].flatMap { Double($0) }, message: text("message"))
        }
    }
}

extension JobEvent {
    /// Whether it is about one of these jobs.
    fileprivate func isIn(_ scope: JobScope) -> Bool {
        switch scope {
        case .all: true
        case .owner(let name): owner == name
        case .job(let id): job == id
        }
    }
}

/// The events of ``RedisEventLog/tail(from:of:)``.
public struct EventTail: AsyncSequence, Sendable {
    /// What it yields.
    public typealias Element = JobEvent
    let log: RedisEventLog
    let start: EventID
    let scope: JobScope

    /// Starts reading.
    public func makeAsyncIterator() -> Iterator { Iterator(tail: self) }

    /// Reads one event after the other.
    public struct Iterator: AsyncIteratorProtocol {
        private let tail: EventTail
        private var subscription: EventSubscription?
        private var last: EventID
        private var batch: ArraySlice<JobEvent> = []

        init(tail: EventTail) {
            self.tail = tail
            last = tail.start
        }

        /// The next event; `nil` once the task is cancelled.
        public mutating func next() async throws -> JobEvent? {
            while batch.isEmpty {
                if Task.isCancelled { return nil }
                do {
                    let current: EventSubscription
                    if let subscription {
                        current = subscription
                    } else {
                        current = await tail.log.subscription(of: tail.scope)
                        subscription = current
                    }
                    let log = tail.log
                    let found = try await current.next(after: last) { try await log.page(after: $0, limit: 100) }
                    last = found.place
                    batch = found.events.filter { $0.isIn(tail.scope) }[...]
                } catch is CancellationError {
                    return nil
                } catch let error as RedisError where error.isTransient {
                    do { try await Task.sleep(for: .milliseconds(500)) } catch { return nil }
                }
            }
            return batch.removeFirst()
        }
    }
}
