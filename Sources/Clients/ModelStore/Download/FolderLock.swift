import Foundation

/// Keeps other processes from downloading into the same folder; nothing is left behind when it is gone.
final class FolderLock: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Makes the folder if needed and waits, without blocking a thread, until no other process has it.
    static func acquire(_ folder: URL) async throws -> FolderLock {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw ModelStoreError.inaccessible(path: folder.path, reason: "the folder cannot be made")
        }
        let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ModelStoreError.inaccessible(path: folder.path, reason: String(cString: strerror(errno)))
        }
        let lock = FolderLock(descriptor)
        // A file system without locks is used without: the checksum still tells good files from bad ones.
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
            try await Task.sleep(for: .milliseconds(100))
        }
        return lock
    }
}
