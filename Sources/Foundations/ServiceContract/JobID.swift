import Digests
import Foundation

/// The name of one job: 128 bits, written as 32 lower-case hexadecimal digits.
///
/// An id from ``random()`` cannot be guessed, so it also serves as the key to a job's results.
public struct JobID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The 32 digits.
    public let description: String

    /// The id that `text` spells, or `nil` unless it is exactly 32 lower-case hexadecimal digits.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 32, text.utf8.allSatisfy(Self.isDigit) else { return nil }
        description = String(text)
    }

    /// The id of one write of an object, to be done with one set of options: always the same, so that a notification that
    /// comes twice makes one job, and another one for every new write and all other options.
    ///
    /// - Parameters:
    ///   - key: the object's key, not escaped.
    ///   - version: what changes with every write of the object.
    ///   - options: the options as text; see ``JobOptions/identity``.
    public init(bucket: String, key: String, version: String, options: String) {
        let text = [bucket, key, version, options].map { "\($0.utf8.count):\($0)" }.joined()
        description = Hash.digest(.sha256, Array(text.utf8)).prefix(16).hex
    }

    /// The id of what an owner (`nil`: nobody) uploads under an `Idempotency-Key`: the same each time, and nobody else's.
    public init(idempotencyKey key: String, owner: String?) {
        let text = ["idempotency", owner ?? "", key].map { "\($0.utf8.count):\($0)" }.joined()
        description = Hash.digest(.sha256, Array(text.utf8)).prefix(16).hex
    }

    /// A new id from the system's random numbers.
    public static func random() -> JobID {
        JobID(digits: .randomHex(bytes: 16))
    }

    /// Reads the 32 digits; anything else is an error.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = JobID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "“\(text)” is not a job id")
        }
        self = id
    }

    /// Writes the 32 digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    private init(digits: String) { description = digits }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
