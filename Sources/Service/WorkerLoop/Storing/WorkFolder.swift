import Foundation
import Synchronization

/// A private folder for the songs and stems of one worker. What processes that were killed have left behind is removed
/// when the next worker starts: a folder whose lock nobody holds is nobody's. One that vanishes under the worker (a cleaner of
/// `/tmp`, a disk that was taken away) is made again before the next job.
final class WorkFolder: Sendable {
    private static let prefix = "msaas-worker-"
    private let parent: URL
    private let url: URL
    private let lock = Mutex<Int32?>(nil)

    /// A private folder in `parent`, not made yet.
    init(in parent: URL) {
        self.parent = parent
        url = parent.appending(path: Self.prefix + UUID().uuidString)
    }

    deinit { remove() }

    /// Removes the folder with all that is in it.
    func remove() {
        lock.withLock { lock in
            guard let held = lock else { return }
            try? FileManager.default.removeItem(at: url)
            close(held)
            lock = nil
        }
    }

    /// Makes the folder, unless it is there, and removes the abandoned ones beside it.
    ///
    /// - Throws: ``Unusable`` when there can be none.
    func make() throws(Unusable) {
        let isNew = try lock.withLock { lock throws(Unusable) -> Bool in
            if let held = lock {
                if Self.isSame(held, as: url) { return false }
                close(held)
                lock = nil
            }
            lock = try lockedFolder()
            return true
        }
        if isNew { Self.removeAbandoned(in: parent) }
    }

    /// Makes the folder and locks it. A worker that starts at the same moment may take it for abandoned before it is locked,
    /// and remove it: then it is made again.
    private func lockedFolder() throws(Unusable) -> Int32 {
        while true {
            do {
                try FileManager.default.createDirectory(
                    at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw Unusable(folder: parent.path, reason: error.localizedDescription)
            }
            let descriptor = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor < 0 && errno == ENOENT { continue }
            guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
                let reason = String(cString: strerror(errno))
                if descriptor >= 0 { close(descriptor) }
                throw Unusable(folder: url.path, reason: reason)
            }
            if Self.isSame(descriptor, as: url) { return descriptor }
            close(descriptor)
        }
    }

    /// A new folder for one job.
    ///
    /// - Throws: ``Unusable``
    func folder(named name: String) throws(Unusable) -> URL {
        try make()
        let folder = url.appending(path: name)
        do {
            try? FileManager.default.removeItem(at: folder)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        } catch {
            throw Unusable(folder: folder.path, reason: error.localizedDescription)
        }
        return folder
    }

    /// Why no song can be worked on here.
    struct Unusable: Error, CustomStringConvertible {
        let folder: String
        let reason: String

        var description: String {
            "The folder for songs and stems \(folder) cannot be used: \(reason). Free or mount it, or set TMPDIR; no song is "
                + "claimed until then."
        }
    }

    /// Whether an open folder is the one that the path leads to.
    private static func isSame(_ descriptor: Int32, as url: URL) -> Bool {
        var (held, found) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(url.path, &found) == 0
            && (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)
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
