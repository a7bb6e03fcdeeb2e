import Foundation

/// A folder of its own for one test, removed with this value.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let url: URL
    /// Its path.
    public var path: String { url.path }

    /// Makes the folder.
    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "msaas-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
