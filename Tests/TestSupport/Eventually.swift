/// Looks until `condition` holds.
///
/// - Throws: ``TestFailure`` after a generous time, and what `condition` throws.
public func eventually(
    _ what: String, within limit: Duration = .seconds(120), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TestFailure("it never came about that \(what)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}
