/// Waits, in a loop that is to end with its task: `while await pause(for: …)`.
///
/// A sleep in a cancelled task ends at once. Whoever ignores that (`try? await Task.sleep`) in a loop spins, and takes a thread
/// of the few that all tasks share.
///
/// - Returns: whether to go on; false once the task is cancelled.
public func pause(for duration: Duration) async -> Bool { (try? await Task.sleep(for: duration)) != nil }

/// Thrown when work took longer than it may.
public struct TimeLimitExceeded: Error, Equatable, CustomStringConvertible {
    /// Who did not answer, as the beginning of a sentence.
    public let what: String
    /// How long it may take.
    public let limit: Duration

    /// A sentence.
    public var description: String {
        let seconds = limit / .seconds(1)
        return "\(what) did not answer within \(Int(exactly: seconds).map { "\($0)" } ?? "\(seconds)") s."
    }
}

/// Runs `work` and cancels it after `limit`.
///
/// - Parameter what: who does the work, as the beginning of a sentence.
/// - Throws: ``TimeLimitExceeded`` when the time was up, once the cancelled work has ended.
public func withTimeLimit<Value: Sendable>(
    _ limit: Duration, for what: String, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimeLimitExceeded(what: what, limit: limit)
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}

extension Duration {
    /// Whole milliseconds, for interfaces that count them.
    public var milliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
