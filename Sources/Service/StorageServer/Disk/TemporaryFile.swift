import Foundation

/// A file on its way into the storage. What was not moved to its place is removed with this value.
package final class TemporaryFile: Sendable {
    let path: String

    init(in directory: String) { path = "\(directory)/\(UUID().uuidString.lowercased())" }

    /// Removes the file now, and not when the last thread lets go of it.
    func remove() async { _ = try? await Disk.run { [path] in unlink(path) } }

    deinit { unlink(path) }
}
