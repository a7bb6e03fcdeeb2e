import Encodings
import Foundation
import NIOPosix
import ObjectStorage
import Synchronization

/// Where things are below the storage's folder.
///
/// ```
/// buckets/{bucket}/bucket.json                    the bucket's record
/// buckets/{bucket}/objects/{2 digits}/{hash}.json an object's record; the hash is the SHA-256 of its key
/// buckets/{bucket}/data/{2 digits}/{id}.{n}       an object's bytes, written once and never changed
/// uploads/{id}/upload.json, part.{number}.{md5}.{size}
/// events/{target}/{sequencer}.json
/// incoming/                                       what is still being written; emptied at the start
/// ```
/// Keys never become file names, so that any key of any length is safe: `..`, a trailing slash, one that another begins with.
/// An object's record is replaced by one `rename`, which is the moment at which a change happens.
struct Layout: Sendable {
    let root: String

    var buckets: String { "\(root)/buckets" }
    var uploads: String { "\(root)/uploads" }
    var events: String { "\(root)/events" }
    var incoming: String { "\(root)/incoming" }
    var lock: String { "\(root)/lock" }

    func bucket(_ name: String) -> String { "\(buckets)/\(name)" }
    func bucketRecord(_ name: String) -> String { "\(bucket(name))/bucket.json" }
    func objects(_ bucket: String) -> String { "\(self.bucket(bucket))/objects" }
    func data(_ bucket: String) -> String { "\(self.bucket(bucket))/data" }

    func objectFolder(_ bucket: String, _ key: String) -> String { "\(objects(bucket))/\(key.sha256.prefix(2))" }
    func object(_ bucket: String, _ key: String) -> String { "\(objectFolder(bucket, key))/\(key.sha256).json" }
    func dataFolder(_ bucket: String, _ id: String) -> String { "\(data(bucket))/\(id.prefix(2))" }
    func data(_ bucket: String, _ id: String, _ segment: Int) -> String {
        "\(dataFolder(bucket, id))/\(id).\(segment)"
    }

    func upload(_ id: String) -> String { "\(uploads)/\(id)" }
    func uploadRecord(_ id: String) -> String { "\(upload(id))/upload.json" }
    func part(_ upload: String, _ part: PartRecord) -> String { "\(self.upload(upload))/\(part.fileName)" }
    func events(_ target: WebhookTarget) -> String { "\(events)/\(target.id.percentEncoded())" }

    func makeDirectories() throws {
        for path in [root, buckets, uploads, events] { try Disk.makeDirectory(path) }
        try Disk.removeTree(incoming)
        try Disk.makeDirectory(incoming)
    }
}

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

/// A file on its way into the storage. What was not moved to its place is removed with this value.
package final class IncomingFile: Sendable {
    let path: String

    init(in directory: String) { path = "\(directory)/\(UUID().uuidString.lowercased())" }

    /// Removes the file now, and not when the last thread lets go of it.
    func remove() async { _ = try? await Disk.run { [path] in unlink(path) } }

    deinit { unlink(path) }
}

/// The room on the storage's disk: what is free, what is promised to uploads under way, and what is kept free.
///
/// Uploads are refused before the disk is full, so that records, events and removals always find room.
package final class Space: Sendable {
    private let directory: String
    private let kept: Int?
    private let promised = Mutex(0)

    /// - Parameter kept: bytes that stay free; unless told a twentieth of the disk, at most 1 GiB.
    package init(directory: String, kept: Int?) {
        self.directory = directory
        self.kept = kept
    }

    /// The disk's free and kept bytes. It asks the operating system.
    package func measure() throws -> (free: Int, kept: Int) {
        var information = statvfs()
        guard statvfs(directory, &information) == 0 else { throw DiskError("look at the disk of", directory) }
        func bytes(_ blocks: UInt) -> Int {
            let (product, isTooLarge) = blocks.multipliedReportingOverflow(by: information.f_frsize)
            return isTooLarge ? .max : Int(clamping: product)
        }
        return (bytes(information.f_bavail), kept ?? min(1 << 30, bytes(information.f_blocks) / 20))
    }

    /// Promises room for an upload.
    ///
    /// - Throws: ``S3Failure/diskFull`` when there is too little.
    package func reserve(_ count: Int) throws -> Reservation {
        let (free, kept) = try measure()
        try promised.withLock { promised in
            let available = free - min(free, kept) - min(free, promised)
            guard count <= available else { throw S3Failure.diskFull }
            promised += count
        }
        return Reservation(self, count)
    }

    /// A sentence when there is no room for anything; `nil` while there is.
    func problem() -> String? {
        guard let (free, kept) = try? measure(), free <= kept else { return nil }
        return
            "The storage is full: \(free) bytes are free, \(kept) are kept free. Delete objects or give it a larger disk."
    }

    /// Room for one upload; what was not written is given back with the last reference.
    package final class Reservation: Sendable {
        private let space: Space
        private let left: Mutex<Int>

        fileprivate init(_ space: Space, _ count: Int) {
            self.space = space
            left = Mutex(count)
        }

        /// Bytes that the disk itself counts from now on.
        func wrote(_ count: Int) {
            let known = left.withLock { left in
                let known = min(left, count)
                left -= known
                return known
            }
            space.promised.withLock { $0 -= known }
        }

        deinit { wrote(.max) }
    }
}
