import Digests
import Foundation

/// The passwords that the parts of the one-machine service know each other by, made once and kept in the data folder.
public struct StackSecrets: Codable, Sendable, Equatable {
    /// The S3 access key.
    public var accessKey = "msaas"
    /// The S3 secret key.
    public var secretKey = String.randomHex(bytes: 16)
    /// The password of `redis-server`.
    public var redisPassword = String.randomHex(bytes: 16)
    /// The bearer token that the storage's webhook shows to `separate`.
    public var webhookToken = String.randomHex(bytes: 16)

    /// Reads the secrets of `directory`, or makes them and writes them, readable by their owner only.
    static func load(from directory: URL) throws -> StackSecrets {
        let file = directory.appending(path: "secrets.json")
        if let data = try? Data(contentsOf: file) {
            return try JSONDecoder().decode(StackSecrets.self, from: data)
        }
        let secrets = StackSecrets()
        try writePrivately(JSONEncoder().encode(secrets), to: file)
        return secrets
    }
}

/// Replaces `file` in one step by a file that only its owner can read.
func writePrivately(_ data: Data, to file: URL) throws {
    let temporary = file.appendingPathExtension("new")
    try? FileManager.default.removeItem(at: temporary)
    guard
        FileManager.default.createFile(
            atPath: temporary.path, contents: data, attributes: [.posixPermissions: 0o600])
    else {
        throw StackError.unusableDirectory(file.deletingLastPathComponent().path, reason: "it cannot be written to")
    }
    guard rename(temporary.path, file.path) == 0 else {
        throw StackError.unusableDirectory(file.path, reason: String(cString: strerror(errno)))
    }
}
