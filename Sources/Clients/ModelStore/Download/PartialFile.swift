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

/// How far the download of a model is.
public struct DownloadProgress: Sendable, Equatable {
    /// The model's name.
    public var model: String
    /// The file that is being fetched.
    public var file: String
    /// Which of the model's files that is, from 0.
    public var fileIndex: Int
    /// How many files the model has.
    public var fileCount: Int
    /// Bytes of this file that are on disk, those of earlier attempts included.
    public var receivedBytes: Int
    /// Bytes of the whole file, once the server has told them.
    public var totalBytes: Int?

    /// A report; the download makes it.
    package init(
        model: String, file: String, fileIndex: Int, fileCount: Int, receivedBytes: Int, totalBytes: Int? = nil
    ) {
        self.model = model
        self.file = file
        self.fileIndex = fileIndex
        self.fileCount = fileCount
        self.receivedBytes = receivedBytes
        self.totalBytes = totalBytes
    }
}
