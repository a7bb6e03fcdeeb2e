import Synchronization

/// Whether the worker is to end, and by when.
final class Drain: Sendable {
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)

    /// Whether no more jobs are to be claimed.
    var isDraining: Bool { deadline.withLock { $0 != nil } }

    /// Whether the present job is to be given back.
    var isOver: Bool { deadline.withLock { $0.map { $0 <= .now } ?? false } }

    /// Asks the worker to end within `period`. A later call can only shorten it.
    func begin(_ period: Duration) {
        let end = ContinuousClock.now + period
        deadline.withLock { $0 = min($0 ?? end, end) }
    }
}
