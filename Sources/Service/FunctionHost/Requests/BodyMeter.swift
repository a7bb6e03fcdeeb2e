import Synchronization

/// Counts a request's body while it is read, and holds it to its limit and to its declared length.
final class BodyMeter: Sendable {
    let declaredLength: Int?
    private let limit: Int
    private let proceed: @Sendable () async -> Void
    private let received = Atomic<Int>(0)
    private let hasBegun = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let wasInterrupted = Atomic<Bool>(false)

    /// - Parameter proceed: called before the first byte is read; tells a client that waits for it to go on.
    init(declaredLength: Int?, limit: Int, proceed: @escaping @Sendable () async -> Void) {
        self.declaredLength = declaredLength
        self.limit = limit
        self.proceed = proceed
    }

    /// Bytes read so far.
    var count: Int { received.load(ordering: .relaxed) }

    /// Whether the reader asked for the first byte.
    var isBegun: Bool { hasBegun.load(ordering: .relaxed) }

    /// Whether the whole body was read, or there was none.
    var isComplete: Bool { !isInterrupted && (hasEnded.load(ordering: .relaxed) || declaredLength == count) }

    /// Whether reading failed or was cancelled; the rest of the body cannot be read any more.
    var isInterrupted: Bool { wasInterrupted.load(ordering: .relaxed) }

    /// Whether so little of the body is left that reading it costs less than a new connection.
    var isDrainable: Bool {
        !isInterrupted && (declaredLength ?? .max) - count <= HostLimits.drainableBody
    }

    func interrupt() { wasInterrupted.store(true, ordering: .relaxed) }

    func begin() async throws {
        guard !isInterrupted else { throw Problem.bodyIncomplete }
        guard !hasBegun.exchange(true, ordering: .relaxed) else { return }
        await proceed()
    }

    func count(_ bytes: Int) throws {
        let (_, total) = received.add(bytes, ordering: .relaxed)
        guard total <= limit else { throw Problem.bodyTooLarge(limit: limit) }
    }

    func end() throws {
        if let declaredLength, declaredLength != count { throw Problem.bodyIncomplete }
        hasEnded.store(true, ordering: .relaxed)
    }
}
