import Foundation

/// A file on its way into the storage. What was not moved to its place is removed with this value.
final class TemporaryFile: Sendable {
    let path: String

    init(in directory: String) { path = "\(directory)/\(UUID().uuidString.lowercased())" }

    deinit { unlink(path) }
}
