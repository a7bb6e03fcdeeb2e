import Foundation

/// Where a running one-machine service is reached; written into its data folder while it runs.
public struct StackAddress: Codable, Sendable, Equatable {
    /// The function host.
    public var http: String
    /// The S3 server.
    public var storage: String
    /// Redis, password included.
    public var redis: String
    /// The S3 access key.
    public var accessKey: String
    /// The S3 secret key.
    public var secretKey: String
    /// The process that supervises the service.
    public var processID: Int32

    /// The address of the service that runs on `directory`.
    ///
    /// - Throws: ``StackError/notRunning(directory:)`` when none does.
    public static func read(from directory: URL) throws -> StackAddress {
        guard DataFolderLock.isHeld(directory), let address = note(in: directory) else {
            throw StackError.notRunning(directory: directory.path)
        }
        return address
    }

    /// What the last service on `directory` has written, if it was not taken back.
    static func note(in directory: URL) -> StackAddress? {
        (try? Data(contentsOf: file(in: directory))).flatMap { try? JSONDecoder().decode(StackAddress.self, from: $0) }
    }

    func write(to directory: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try writePrivately(encoder.encode(self), to: Self.file(in: directory))
    }

    static func remove(from directory: URL) {
        try? FileManager.default.removeItem(at: file(in: directory))
    }

    private static func file(in directory: URL) -> URL { directory.appending(path: "stack.json") }

    /// The environment that our own programs and S3 clients read these addresses from.
    public var environment: [String: String] {
        [
            "REDIS_URL": redis, "S3_ENDPOINT": storage, "S3_ACCESS_KEY": accessKey, "S3_SECRET_KEY": secretKey,
            "S3_REGION": "us-east-1",
        ]
    }
}

/// A service's right to its data folder. The kernel ends it with the process, however that ends, and a process id that was
/// given to another program means nothing to it.
final class DataFolderLock: Sendable {
    private let descriptor: Int32

    /// Takes the folder.
    ///
    /// - Throws: ``StackError/alreadyRunning(directory:url:)`` when another service has it.
    init(_ directory: URL) throws(StackError) {
        descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unusableDirectory(directory.path, reason: String(cString: strerror(errno)))
        }
        // Whoever only looks whether a service runs has the lock for a moment.
        for attempt in 1...20 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK, attempt < 20 else {
                close(descriptor)
                throw .alreadyRunning(directory: directory.path, url: StackAddress.note(in: directory)?.http)
            }
            usleep(10_000)
        }
    }

    deinit { close(descriptor) }

    /// Whether a service has the folder.
    static func isHeld(_ directory: URL) -> Bool {
        let descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
}
