import Foundation
import NIOPosix

/// Calls of the operating system on files. They block, so they run on NIO's threads for that or on the catalog's own.
enum Disk {
    /// Runs `body` on a thread that may block.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw DiskError("make the folder", path) }
    }

    /// The names in a folder, without `.` and `..`.
    static func names(in path: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw DiskError("list", path)
        }
    }

    static func read(_ path: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: path) else { throw DiskError("read", path) }
        return data
    }

    /// Writes a new file and waits until its bytes are on the disk.
    static func write(_ data: Data, to path: String) throws {
        let descriptor = try create(path)
        defer { close(descriptor) }
        try data.withUnsafeBytes { try append($0, to: descriptor, path) }
        guard fsync(descriptor) == 0 else { throw DiskError("flush", path) }
    }

    static func create(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw DiskError("create", path) }
        return descriptor
    }

    static func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw DiskError("write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    static func rename(_ from: String, to: String) throws {
        guard Foundation.rename(from, to) == 0 else { throw DiskError("rename", from) }
    }

    static func link(_ from: String, to: String) throws {
        guard Foundation.link(from, to) == 0 else { throw DiskError("link", from) }
    }

    /// Removes a file. That it is not there is no error.
    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw DiskError("remove", path) }
    }

    /// Removes a folder with everything in it. That it is not there is no error.
    static func removeTree(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw DiskError("remove", path)
        }
    }

    /// Waits until the names in a folder are on the disk.
    static func sync(directory path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskError("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DiskError("flush", path) }
    }
}

/// What the operating system refused.
struct DiskError: Error, CustomStringConvertible {
    let description: String
    let code: Int32

    init(_ action: String, _ path: String) {
        code = errno
        description = "Cannot \(action) \(path): \(String(cString: strerror(code)))."
    }

    var isFull: Bool { code == ENOSPC || code == EDQUOT }
}
