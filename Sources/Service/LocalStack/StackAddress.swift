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
        guard let data = try? Data(contentsOf: file(in: directory)),
            let address = try? JSONDecoder().decode(StackAddress.self, from: data),
            kill(address.processID, 0) == 0
        else { throw StackError.notRunning(directory: directory.path) }
        return address
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
