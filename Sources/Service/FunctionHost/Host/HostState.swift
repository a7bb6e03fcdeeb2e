import Synchronization

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
