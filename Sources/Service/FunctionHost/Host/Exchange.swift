import Logging
import NIOCore
import Pacing
import ServiceLifecycle
import Synchronization

/// One request and its answer, from the first header to the last byte: what is counted, logged and given back at
/// its end. It ends once; when the connection breaks before the answer is written, it ends with its last reference.
final class Exchange: Sendable {
    let start = ContinuousClock.now
    private let channel: any Channel
    private let state: HostState
    private let leave: @Sendable () -> Void
    private let report: @Sendable (Outcome) -> Void
    private let status = Atomic<Int>(0)
    private let sent = Atomic<Int>(0)
    private let hasEnded = Atomic<Bool>(false)
    private let writing = Mutex<ContinuousClock.Instant?>(nil)

    struct Outcome: Sendable {
        var status: Int
        var sentBytes: Int
        var isComplete: Bool
        var duration: Duration
    }

    /// - Parameter leave: gives the request's places back.
    init(
        channel: any Channel, state: HostState, leave: @escaping @Sendable () -> Void,
        report: @escaping @Sendable (Outcome) -> Void
    ) {
        self.channel = channel
        self.state = state
        self.leave = leave
        self.report = report
        state.add(self)
    }

    deinit { end(isComplete: false) }

    func answers(status: Int) { self.status.store(status, ordering: .relaxed) }

    func writeBegins() { writing.withLock { $0 = .now } }

    func writeEnds(bytes: Int) {
        writing.withLock { $0 = nil }
        sent.add(bytes, ordering: .relaxed)
    }

    func cutIfStalled(limit: Duration, now: ContinuousClock.Instant) {
        let isStalled = writing.withLock { since in since.map { now - $0 > limit } ?? false }
        if isStalled { channel.close(promise: nil) }
    }

    func end(isComplete: Bool) {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        state.remove(ObjectIdentifier(self))
        leave()
        report(
            Outcome(
                status: status.load(ordering: .relaxed), sentBytes: sent.load(ordering: .relaxed),
                isComplete: isComplete, duration: ContinuousClock.now - start))
    }
}

/// What the host's parts share: whether it drains, and the exchanges in flight.
final class HostState: Sendable {
    private let draining = Atomic<Bool>(false)
    private let exchanges = Mutex<[ObjectIdentifier: Weak]>([:])

    private struct Weak: Sendable {
        weak let exchange: Exchange?
    }

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// The number of requests that are being answered.
    var inFlight: Int { exchanges.withLock { $0.count } }

    func drain() { draining.store(true, ordering: .relaxed) }

    func add(_ exchange: Exchange) {
        exchanges.withLock { $0[ObjectIdentifier(exchange)] = Weak(exchange: exchange) }
    }

    func remove(_ id: ObjectIdentifier) {
        exchanges.withLock { $0[id] = nil }
    }

    /// Cuts the connections of clients that have taken nothing for `limit`.
    func cutStalled(limit: Duration, now: ContinuousClock.Instant) {
        // The references are let go of outside the lock: an exchange that ends takes itself out of the table.
        let all = exchanges.withLock { $0.values.compactMap(\.exchange) }
        for exchange in all { exchange.cutIfStalled(limit: limit, now: now) }
    }
}

/// Cuts off clients that stop taking their answer, so that they hold no memory, file or place for ever.
struct StallWatchdog: Service {
    let state: HostState
    let limit: Duration

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: min(limit / 4, .seconds(1)))
                state.cutStalled(limit: limit, now: .now)
            }
        }
    }
}

/// Keeps the host reachable, but unready, for a while after it was asked to end.
struct DrainDelay: Service {
    let state: HostState
    let delay: Duration

    func run() async throws {
        try? await gracefulShutdown()
        state.drain()
        _ = await pause(for: delay)
    }
}
