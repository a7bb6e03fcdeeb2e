import Foundation

/// A private folder for the songs and stems of one worker. What processes that were killed have left behind is removed
/// when the next worker starts: a folder whose lock nobody holds is nobody's.
final class WorkFolder: Sendable {
    private static let prefix = "msaas-worker-"
    private let url: URL
    private let lock: Int32

    /// Makes a folder in `parent`, and removes the abandoned ones there.
    ///
    /// - Throws: `CocoaError` when the folder cannot be made.
    init(in parent: URL) throws {
        url = parent.appending(path: Self.prefix + UUID().uuidString)
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        lock = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw CocoaError(.fileLocking) }
        Self.removeAbandoned(in: parent)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
        close(lock)
    }

    /// A new folder for one job.
    func folder(named name: String) throws -> URL {
        let folder = url.appending(path: name)
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        return folder
    }

    private static func removeAbandoned(in parent: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let folder = parent.appending(path: name)
            let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { try? FileManager.default.removeItem(at: folder) }
            close(descriptor)
        }
    }
}
