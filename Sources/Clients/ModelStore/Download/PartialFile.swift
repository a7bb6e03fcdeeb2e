import Foundation
import Threading

/// A file that grows while it is downloaded, written from a thread of its own.
actor PartialFile {
    private let url: URL
    private let descriptor: Int32
    private let thread: BlockingThread
    /// Bytes written so far.
    private(set) var count: Int

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Opens the file where an earlier download left it, or makes it.
    init(_ url: URL) throws {
        descriptor = open(url.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ModelStoreError.inaccessible(path: url.path, reason: String(cString: strerror(errno)))
        }
        self.url = url
        thread = BlockingThread(name: "download")
        count = Int(lseek(descriptor, 0, SEEK_END))
    }

    deinit { close(descriptor) }

    /// Forgets everything written.
    func restart() throws {
        guard ftruncate(descriptor, 0) == 0 else { throw inaccessible() }
        count = 0
    }

    /// Writes bytes at the end and says how many there are then.
    func append(_ data: Data) throws -> Int {
        try data.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let written = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { throw inaccessible() }
                done += written
            }
        }
        count += data.count
        return count
    }

    /// Checks the content and gives the file its final name, in one step for everyone who looks.
    ///
    /// - Throws: `ModelStoreError.wrongChecksum`; the file is then as it was
    func finish(as target: URL, checksum: String) throws {
        try SHA256.verify(url, prefix: checksum, name: target.lastPathComponent)
        guard fsync(descriptor) == 0, rename(url.path, target.path) == 0 else { throw inaccessible() }
    }

    /// Deletes the file.
    func discard() { unlink(url.path) }

    private func inaccessible() -> ModelStoreError {
        .inaccessible(path: url.path, reason: String(cString: strerror(errno)))
    }
}
