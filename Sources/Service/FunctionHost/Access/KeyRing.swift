import Digests
public import EnvironmentSettings
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Threading

/// The API keys that are let in. Those of a file are read again when the file changes, so that keys come and go without a
/// restart.
public final class KeyRing: Sendable {
    /// The file that the keys come from, if they come from one.
    public let file: String?
    private let keys: Mutex<[APIKey]>
    private let version = Mutex<FileVersion?>(nil)

    /// Tells two states of a file apart; a Kubernetes secret is replaced by a new inode.
    private struct FileVersion: Equatable {
        var inode: UInt64
        var size: Int
        var modified: Date
    }

    /// These keys.
    public init(_ keys: [APIKey]) {
        file = nil
        self.keys = Mutex(keys)
    }

    /// The keys of a file.
    ///
    /// - Throws: ``ConfigurationError`` that names the file.
    public init(file: String) throws {
        self.file = file
        keys = Mutex([])
        try reload()
    }

    /// The keys of the file, or those of the text; nil when there is neither.
    ///
    /// - Throws: `ConfigurationError` that names the variable.
    public convenience init?(_ settings: KeySettings) throws {
        switch (settings.file, settings.text) {
        case (nil, nil): return nil
        case (let file?, nil): try self.init(file: file)
        case (nil, let text?): self.init(try APIKey.list(yaml: text))
        case (_?, _?): throw ConfigurationError("MSAAS_API_KEYS_FILE and MSAAS_API_KEYS are both set; set one of them.")
        }
    }

    /// How many keys there are.
    public var count: Int { keys.withLock { $0.count } }

    /// The client whose key `secret` is; nil when nobody has it. Takes as long for every key of the same length.
    public func client(with secret: String) -> APIKey? {
        guard secret.utf8.count <= 512 else { return nil }
        let digest = secret.sha256
        var found: APIKey?
        for key in keys.withLock({ $0 }) where Hash.isEqual(key.digest, digest) { found = key }
        return found
    }

    /// The client whose key has this id; nil when nobody has it (any more).
    func client(id: String) -> APIKey? { keys.withLock { $0.first { $0.id == id } } }

    /// The client of this name; nil when nobody has it (any more).
    public func client(named name: String) -> APIKey? {
        keys.withLock { $0.first { $0.name == name } }
    }

    /// Reads the file again when it has changed.
    ///
    /// - Returns: whether it had.
    /// - Throws: ``ConfigurationError``; the keys stay what they were.
    @discardableResult
    public func reload() throws -> Bool {
        guard let file else { return false }
        // A symbolic link, as Kubernetes makes them, stands for the file it leads to.
        let path = URL(filePath: file).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let data = FileManager.default.contents(atPath: path)
        else { throw ConfigurationError("The file of API keys \(file) cannot be read; check MSAAS_API_KEYS_FILE.") }
        let new = FileVersion(
            inode: (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0, size: data.count,
            modified: attributes[.modificationDate] as? Date ?? .distantPast)
        guard version.withLock({ $0 }) != new else { return false }
        let keys: [APIKey]
        do {
            keys = try APIKey.list(yaml: String(decoding: data, as: UTF8.self))
        } catch let error as ConfigurationError {
            throw ConfigurationError("\(file): \(error.description)")
        }
        self.keys.withLock { $0 = keys }
        version.withLock { $0 = new }
        return true
    }
}

/// Where the API keys are.
public struct KeySettings: Configurable {
    /// The path of a file.
    public var file: String?
    /// The file's text itself.
    public var text: String?

    /// No keys.
    public static let usual = KeySettings()

    /// What the environment says.
    public static var settings: [Setting<KeySettings>] {
        [
            Setting("MSAAS_API_KEYS_FILE", \.file, .text("a file of API keys"), otherwise: "none"),
            Setting(
                "MSAAS_API_KEYS", \.text, .text("the text of such a file"), otherwise: "none", isSecret: true),
        ]
    }
}

/// Reads the file of API keys again when it changes.
struct KeyFileWatch: Service {
    let keys: KeyRing?
    let interval: Duration
    let logger: Logger

    func run() async throws {
        guard let keys, keys.file != nil else {
            try? await gracefulShutdown()
            return
        }
        let thread = BlockingThread(name: "api-keys")
        try? await cancelWhenGracefulShutdown {
            var complaint = ""
            while true {
                try await Task.sleep(for: interval)
                do {
                    if try await thread.run({ try keys.reload() }) {
                        logger.notice("API keys read", metadata: ["count": .stringConvertible(keys.count)])
                    }
                    complaint = ""
                } catch {
                    // Once for each kind of trouble, not every few seconds.
                    if complaint != "\(error)" {
                        logger.error("API keys stay as they were", metadata: ["error": .string("\(error)")])
                    }
                    complaint = "\(error)"
                }
            }
        }
    }
}
