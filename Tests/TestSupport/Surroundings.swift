public import Foundation
import TestRun

// What surrounds a test: where things lie, a folder of its own, a failure that says what is missing, patience.

/// Where things lie that tests use.
public enum Places {
    /// The folder of the executables that were built together with the tests.
    public static let products = runner.deletingLastPathComponent()

    /// The program that runs the tests.
    public static let runner: URL = {
        let path =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(filePath: path)
    }()

    /// The repository.
    public static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folder of this run of the tests, which goes with it however it ends; `TMPDIR` of everything that is started.
    public static let run = URL(filePath: String(cString: test_run_folder()), directoryHint: .isDirectory)
}

/// A folder of its own for one test, removed with this value.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let url: URL
    /// Its path.
    public var path: String { url.path }

    /// Makes the folder.
    public init() throws {
        url = Places.run.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

/// A failure of the test's own surroundings, with a sentence.
public struct TestFailure: Error, CustomStringConvertible {
    /// What went wrong.
    public let description: String
    /// A failure that says `description`.
    public init(_ description: String) { self.description = description }
}

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
