import Checkpoints
import Digests
import Foundation

/// What a check of one file found.
public struct FileCheck: Sendable, Equatable {
    /// The file's name, or the signature of a missing one.
    public var file: String
    /// What was found.
    public var outcome: Outcome

    /// What a check can find.
    public enum Outcome: Sendable, Equatable {
        /// The content has the checksum that it must have.
        case verified
        /// No checksum is known, but the file is a sound checkpoint.
        case readable
        /// The file is damaged; the sentence says how.
        case damaged(String)
        /// The file is not there.
        case missing
    }

    init(file: String, outcome: Outcome) {
        self.file = file
        self.outcome = outcome
    }

    /// Checks a file. Blocking.
    init(_ url: URL, checksum: String?) {
        file = url.lastPathComponent
        do {
            if let checksum {
                try SHA256.verify(url, prefix: checksum)
                outcome = .verified
            } else {
                _ = try Checkpoint(contentsOf: url)
                outcome = .readable
            }
        } catch {
            outcome = .damaged("\(error)")
        }
    }
}

/// SHA-256 of files.
enum SHA256 {
    /// The checksum of a file's content as 64 hex digits. Blocking.
    ///
    /// - Throws: `ModelStoreError.inaccessible`
    static func ofFile(_ url: URL) throws -> String {
        do {
            let file = try FileHandle(forReadingFrom: url)
            defer { try? file.close() }
            let hash = Hash(.sha256)
            while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty { hash.update(chunk) }
            return hash.finish().hex
        } catch {
            throw ModelStoreError.inaccessible(path: url.path, reason: error.localizedDescription)
        }
    }

    /// Checks that a file's checksum begins with `prefix`. Blocking. `name` stands in the error for the file's own.
    ///
    /// - Throws: `ModelStoreError.wrongChecksum`, `.inaccessible`
    static func verify(_ url: URL, prefix: String, name: String? = nil) throws {
        let sum = try ofFile(url)
        guard sum.hasPrefix(prefix) else {
            throw ModelStoreError.wrongChecksum(
                file: name ?? url.lastPathComponent, expected: prefix, found: String(sum.prefix(max(prefix.count, 8))))
        }
    }
}
