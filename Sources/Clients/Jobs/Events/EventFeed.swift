import Pacing
import ServiceContract

/// Reads the event log once for everybody in this process: one connection, however many listen.
///
/// Each listener has a buffer of its own, which holds what is about its jobs. One whose buffer runs over, and one that has
/// just come, is *behind*: it reads the log by itself until there is nothing left before the feed's place, and goes on from
/// the feed then. So nothing is lost, memory is bounded, and an event costs one read whatever the number of listeners.
actor EventFeed {
    private static let capacity = 256

    private struct Listener {
        var scope: JobScope
        var buffer: [JobEvent] = []
        var isBehind = true
        var waiter: CheckedContinuation<Void, any Error>?
    }

    private let client: RedisClient
    private var listeners: [Int: Listener] = [:]
    private var listenersTo: [JobScope: Set<Int>] = [:]
    private var number = 0
    /// The newest event that was handed out; `nil` until the reader knows the end of the log.
    private var place: EventID?
    private var isReading = false

    init(address: RedisAddress, timeouts: RedisTimeouts) {
        client = RedisClient(address: address, timeouts: timeouts, name: "redis-events")
    }

    // MARK: - Listening

    /// A new listener to the events of some jobs.
    func join(_ scope: JobScope) -> Int {
        number += 1
        listeners[number] = Listener(scope: scope)
        listenersTo[scope, default: []].insert(number)
        if !isReading {
            isReading = true
            Task { await read() }
        }
        return number
    }

    func leave(_ listener: Int) {
        guard let gone = listeners.removeValue(forKey: listener) else { return }
        gone.waiter?.resume(throwing: CancellationError())
        listenersTo[gone.scope]?.remove(listener)
        if listenersTo[gone.scope]?.isEmpty == true { listenersTo[gone.scope] = nil }
    }

    /// Where the feed is, if the listener is behind; `nil` while that is not known, and for one that is not behind.
    func placeAhead(of listener: Int) -> (isBehind: Bool, place: EventID?) {
        (listeners[listener]?.isBehind ?? true, place)
    }

    /// The listener has read everything up to `seen`; whether it goes on from the feed.
    func goLive(_ listener: Int, at seen: EventID) -> Bool {
        guard place == seen else { return false }
        listeners[listener]?.isBehind = false
        listeners[listener]?.buffer = []
        return true
    }

    /// The events since the last call; waits for one. Empty when the listener has fallen behind.
    func next(_ listener: Int) async throws -> [JobEvent] {
        while let entry = listeners[listener], entry.buffer.isEmpty, !entry.isBehind { try await wait(listener) }
        let events = listeners[listener]?.buffer ?? []
        listeners[listener]?.buffer = []
        return events
    }

    private func wait(_ listener: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                guard !Task.isCancelled, listeners[listener] != nil else {
                    return continuation.resume(throwing: CancellationError())
                }
                listeners[listener]?.waiter = continuation
            }
        } onCancel: {
            Task { await self.abandon(listener) }
        }
    }

    private func abandon(_ listener: Int) { wake(listener, .failure(CancellationError())) }

    private func wake(_ listener: Int, _ result: Result<Void, any Error> = .success(())) {
        let waiter = listeners[listener]?.waiter
        listeners[listener]?.waiter = nil
        waiter?.resume(with: result)
    }

    // MARK: - Reading

    private func read() async {
        while !listeners.isEmpty {
            do {
                let start: EventID
                if let place { start = place } else { start = try await end() }
                place = start
                let reply = try await client.send(
                    [
                        "XREAD", "COUNT", "1000", "BLOCK", "1000", "STREAMS", RedisArgument(QueueKey.events),
                        RedisArgument(start.description),
                    ], blocking: .seconds(1))
                guard let entries = reply.array?.first?.array?.last, let last = RedisEventLog.end(of: entries) else {
                    continue
                }
                for event in try RedisEventLog.events(entries) { deliver(event) }
                place = last
            } catch {
                // The listeners read the log by themselves, and meet the trouble there.
                for listener in Array(listeners.keys) {
                    listeners[listener]?.isBehind = true
                    wake(listener)
                }
                guard await pause(for: .milliseconds(500)) else { break }
            }
        }
        (isReading, place) = (false, nil)
    }

    private func end() async throws -> EventID {
        let reply = try await client.send(["XREVRANGE", RedisArgument(QueueKey.events), "+", "-", "COUNT", "1"])
        return RedisEventLog.end(of: reply) ?? .zero
    }

    private func deliver(_ event: JobEvent) {
        let scopes: [JobScope] = [.all, .job(event.job)] + (event.owner.map { [.owner($0)] } ?? [])
        for listener in scopes.flatMap({ listenersTo[$0] ?? [] }) {
            guard let entry = listeners[listener], !entry.isBehind else { continue }
            if entry.buffer.count < Self.capacity {
                listeners[listener]?.buffer.append(event)
            } else {
                listeners[listener]?.buffer = []
                listeners[listener]?.isBehind = true
            }
            wake(listener)
        }
    }
}

/// One listener's place in the feed, which it leaves when nobody holds it any more.
final class EventSubscription: Sendable {
    private let feed: EventFeed
    private let listener: Int

    init(_ feed: EventFeed, to scope: JobScope) async {
        self.feed = feed
        listener = await feed.join(scope)
    }

    deinit { Task { [feed, listener] in await feed.leave(listener) } }

    /// At least one event after `start`; pages of the log come from `page`.
    func next(
        after start: EventID, page: (EventID) async throws -> (events: [JobEvent], end: EventID?)
    ) async throws -> (events: [JobEvent], place: EventID) {
        var last = start
        while true {
            try Task.checkCancellation()
            let (isBehind, place) = await feed.placeAhead(of: listener)
            if isBehind {
                let found = try await page(last)
                last = found.end ?? last
                if !found.events.isEmpty { return (found.events, last) }
                guard found.end == nil else { continue }
                if let place {
                    _ = await feed.goLive(listener, at: place)
                } else {
                    try await Task.sleep(for: .milliseconds(5))
                }
            } else {
                let events = try await feed.next(listener).filter { $0.id > last }
                if let newest = events.last { return (events, newest.id) }
            }
        }
    }
}
