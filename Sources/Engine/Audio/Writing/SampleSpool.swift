import Foundation

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
