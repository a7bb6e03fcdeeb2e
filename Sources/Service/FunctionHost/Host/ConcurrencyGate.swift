import Synchronization

/// Counts the requests of one function and refuses those over the limit.
final class ConcurrencyGate: Sendable {
    let limit: Int
    private let running = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// The requests that run now.
    var count: Int { running.load(ordering: .relaxed) }

    /// Takes a place; false when there is none.
    func enter() -> Bool {
        let (_, count) = running.add(1, ordering: .relaxed)
        if count > limit {
            running.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Gives a place back.
    func leave() { running.subtract(1, ordering: .relaxed) }
}
