import Foundation

/// A hidden file beside the one that it is to become. While it is being written it is locked, so that what a killed process
/// left behind is told from what another one is writing: making a temporary file removes those in its folder that nobody
/// has locked.
final class TemporaryFile {
    /// Where it is.
    let url: URL
    /// Where it is open for reading and writing, until it has its name.
    private(set) var descriptor: Int32

    private static let suffix = "partial"

    /// Makes an empty file in `folder`.
    ///
    /// - Throws: ``AudioError/cannotWrite(path:reason:)``
    init(in folder: URL) throws {
        Self.removeAbandoned(in: folder)
        while true {
            let url = temporaryName(in: folder, Self.suffix)
            let descriptor = open(url.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else {
                throw AudioError.writing(url.path)
            }
            // Where there are no locks, nothing is removed as abandoned either.
            _ = flock(descriptor, LOCK_EX)
            var status = stat()
            if fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                self.url = url
                self.descriptor = descriptor
                return
            }
            // Another process took it for abandoned before it was locked.
            close(descriptor)
        }
    }

    deinit { unlock() }

    /// Gives the file its name, replacing one that was there.
    ///
    /// - Throws: ``AudioError/cannotWrite(path:reason:)``
    func move(to target: URL) throws {
        guard rename(url.path, target.path) == 0 else {
            throw AudioError.writing(target.path)
        }
        unlock()
    }

    /// Makes it empty again.
    func truncate() throws {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw AudioError.writing(url.path)
        }
    }

    /// Removes the file.
    func remove() {
        unlink(url.path)
        unlock()
    }

    private func unlock() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    private static func removeAbandoned(in folder: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(temporaryPrefix) && name.hasSuffix(".\(suffix)") {
            let path = folder.appending(path: name).path
            let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }
}

private let temporaryPrefix = ".msaas-"

/// A hidden name in `folder` that nothing has yet.
func temporaryName(in folder: URL, _ kind: String) -> URL {
    folder.appending(path: "\(temporaryPrefix)\(String(UInt64.random(in: .min ... .max), radix: 36)).\(kind)")
}

/// Samples parked on disk until they are needed again, in a file that has no name and so cannot be left behind.
final class SampleSpool {
    private let descriptor: Int32
    private let path: String

    /// Makes the spool in `folder`; that is where the result will need the room anyway.
    init(folder: URL) throws {
        let file = temporaryName(in: folder, "spool").path
        path = folder.path
        descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw AudioError.writing(path)
        }
        unlink(file)
    }

    deinit { close(descriptor) }

    /// Appends samples.
    func append(_ samples: UnsafeBufferPointer<Float>) throws {
        guard let base = samples.baseAddress else { return }
        try writeAll(descriptor, base, count: samples.count * MemoryLayout<Float>.stride, path: path)
    }

    /// Hands all samples back in order, in pieces of at most `buffer`'s size.
    func forEach(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        var offset = 0
        while true {
            var filled = 0
            let capacity = buffer.count * MemoryLayout<Float>.stride
            while filled < capacity {
                let count = pread(
                    descriptor, UnsafeMutableRawPointer(buffer.baseAddress!) + filled, capacity - filled, off_t(offset))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else {
                    throw AudioError.writing(path)
                }
                if count == 0 { break }
                filled += count
                offset += count
            }
            if filled == 0 { return }
            try body(UnsafeMutableBufferPointer(rebasing: buffer[..<(filled / MemoryLayout<Float>.stride)]))
        }
    }
}
