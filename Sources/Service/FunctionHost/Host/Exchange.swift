import Logging
import NIOCore
import Synchronization

/// One request and its answer, from the first header to the last byte: what is counted, logged and given back at
/// its end. It ends once; when the connection breaks before the answer is written, it ends with its last reference.
final class Exchange: Sendable {
    let start = ContinuousClock.now
    private let channel: any Channel
    private let state: HostState
    private let gate: ConcurrencyGate?
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

    init(channel: any Channel, state: HostState, gate: ConcurrencyGate?, report: @escaping @Sendable (Outcome) -> Void)
    {
        self.channel = channel
        self.state = state
        self.gate = gate
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
        gate?.leave()
        report(
            Outcome(
                status: status.load(ordering: .relaxed), sentBytes: sent.load(ordering: .relaxed),
                isComplete: isComplete, duration: ContinuousClock.now - start))
    }
}
