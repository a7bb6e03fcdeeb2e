import Policy

/// A call did not end in time.
struct TimeLimitError: Error, Sendable, Equatable, CustomStringConvertible {
    var what: String
    var limit: Duration

    var description: String { "\(what) did not answer within \(limit.words)." }
}

/// The result of a call, or an error once the time is over; the call is cancelled then.
///
/// - Parameter what: who is called, as the beginning of a sentence.
func limited<Value: Sendable>(
    _ what: String, to limit: Duration, _ call: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await call() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimeLimitError(what: what, limit: limit)
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}
