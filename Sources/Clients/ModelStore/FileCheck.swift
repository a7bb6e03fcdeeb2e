import Checkpoints
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
