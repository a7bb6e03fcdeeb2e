import ServiceContract

/// The log of everything that happened to jobs. It is written by the queue, together with the change itself, so that
/// neither exists without the other; it keeps the latest events only.
public protocol EventLog: Sendable {
    /// The place after the newest event.
    func end() async throws -> EventID
    /// Up to `limit` events after `start`, oldest first.
    func events(after start: EventID, limit: Int) async throws -> [JobEvent]
    /// The events of one job that are still in the log, oldest first.
    func events(of job: JobID) async throws -> [JobEvent]
    /// All events after `start`, oldest first, then each new one as it happens, until the task is cancelled. The reader's
    /// pace is kept: what it has not taken waits in the log. When Redis is away it goes on once Redis is back.
    func tail(from start: EventID) -> EventTail
}

/// The events of ``EventLog/tail(from:)``.
public struct EventTail: AsyncSequence, Sendable {
    /// What it yields.
    public typealias Element = JobEvent
    /// Gives the next batch of events after a place; waits for one when there is none yet.
    let next: @Sendable (EventID) async throws -> [JobEvent]
    let start: EventID

    /// A tail from `start`; `next` answers with at least one event after the place it is given, or throws.
    public init(from start: EventID, next: @escaping @Sendable (EventID) async throws -> [JobEvent]) {
        self.start = start
        self.next = next
    }

    /// Starts reading.
    public func makeAsyncIterator() -> Iterator { Iterator(tail: self) }

    /// Reads one event after the other.
    public struct Iterator: AsyncIteratorProtocol {
        private let tail: EventTail
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
                do { batch = try await tail.next(last)[...] } catch is CancellationError { return nil }
                if let newest = batch.last { last = newest.id }
            }
            return batch.removeFirst()
        }
    }
}
