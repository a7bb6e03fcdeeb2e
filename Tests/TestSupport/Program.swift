import Foundation

/// Programs of others that a test runs to their end.
public enum Program {
    /// Runs one and gives back its exit code and what it wrote to its output and its errors.
    ///
    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - directory: its working directory; the repository unless told.
    /// - Throws: ``TestFailure`` when there is no such program: a missing one is a failure, not a skip.
    public static func result(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) async throws -> (code: Int32, text: String) {
        let folder = try TemporaryDirectory()
        let log = folder.url.appending(path: "output")
        let process = try ChildProcess(
            arguments, environment: environment, output: log.path, directory: directory ?? Places.repository.path)
        let code = await process.wait()
        return (code, String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }

    /// The same for one that must succeed: what it wrote.
    ///
    /// - Throws: ``TestFailure`` with what it wrote when it fails.
    @discardableResult
    public static func run(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) async throws -> String {
        let result = try await result(arguments, environment: environment, directory: directory)
        guard result.code == 0 else {
            throw TestFailure(
                """
                \(arguments.joined(separator: " ")) failed (\(result.code)). Is everything installed (make test-packages)?
                \(result.text)
                """)
        }
        return result.text
    }
}
