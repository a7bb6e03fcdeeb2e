import ServiceContract

/// Tells many readers that the event log has grown, over one connection. It reads while somebody waits.
actor EventNews {
    private let client: RedisClient
    private var newest = EventID.zero
    private var generation = 0
    private var readers: [Int: CheckedContinuation<Void, any Error>] = [:]
    private var nextReader = 0
    private var isReading = false

    init(address: RedisAddress, timeouts: RedisTimeouts) {
        client = RedisClient(address: address, timeouts: timeouts, name: "redis-events")
    }

    /// The present moment, for ``wait(since:after:)``.
    func mark() -> Int { generation }

    /// Returns once there may be an event after `place`, where none was when the log was read after `mark` was taken.
    func wait(since mark: Int, after place: EventID) async throws {
        guard mark == generation else { return }
        if !isReading {
            // Another reader may be behind `place` and on its way here: its mark is void, so it looks again first.
            (isReading, newest) = (true, place)
            generation += 1
            Task { await read() }
        }
        let reader = nextReader
        nextReader += 1
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                readers[reader] = continuation
            }
        } onCancel: {
            Task { await self.abandon(reader) }
        }
    }

    private func abandon(_ reader: Int) {
        readers.removeValue(forKey: reader)?.resume(throwing: CancellationError())
    }

    private func read() async {
        while !readers.isEmpty {
            do {
                let reply = try await client.send(
                    [
                        "XREAD", "COUNT", "100", "BLOCK", "1000", "STREAMS", RedisArgument(QueueKey.events),
                        RedisArgument(newest.description),
                    ], blocking: .seconds(1))
                guard let entries = reply.array?.first?.array?.last?.array, let last = entries.last?.array?.first else {
                    continue
                }
                newest = last.string.flatMap { EventID($0) } ?? newest
                tell(.success(()))
            } catch {
                tell(.failure(error))
            }
        }
        isReading = false
    }

    private func tell(_ result: Result<Void, any Error>) {
        generation += 1
        let waiting = readers
        readers = [:]
        for continuation in waiting.values { continuation.resume(with: result) }
    }
}
