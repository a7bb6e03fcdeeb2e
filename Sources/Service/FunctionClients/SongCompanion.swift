import Encodings
import Foundation
import Jobs
import ObjectStorage
import ServiceContract

/// An object without bytes that lies beside a song in the queue's bucket, `{job}/.name`, and says something of it in its
/// metadata. It goes when the song goes. No upload can have such a name, since leading dots are taken off.
public enum SongCompanion: String, Sendable, CaseIterable {
    /// ``LateOptions``.
    case options = ".options"
    /// ``UploadReceipt``.
    case receipt = ".receipt"
    /// ``AwaitedSong``.
    case awaited = ".awaited"

    /// Whether the key is that of a companion and not of a song.
    public static func isAt(_ key: String) -> Bool {
        guard let job = Job.id(inKey: key) else { return false }
        return allCases.contains { $0.key(of: job) == key }
    }

    /// Its key beside that of a song.
    public func key(beside song: String) -> String? { song.lastIndex(of: "/").map { song[...$0] + rawValue } }

    /// Its key among those of a job.
    public func key(of job: JobID) -> String { "\(job)/\(rawValue)" }
}

/// Options that a form brought after its song.
///
/// An object's metadata has to be told before its bytes, so such options are those of ``SongCompanion/options``, which is stored
/// before the song can be seen: whoever looks at a song with the ``mark`` looks there, too.
public enum LateOptions {
    /// The metadata of songs that may have late options.
    public static let mark = "late-options"

    /// Stores the options of the song `key`.
    public static func store(_ options: JobOptions, of key: String, client: S3Client, bucket: String) async throws {
        guard let place = SongCompanion.options.key(beside: key) else { return }
        try await client.put(bucket, place, body: .empty, metadata: options.metadata)
    }

    /// The metadata that counts for the song `key`: its own, and what late options say.
    public static func metadata(
        of song: ObjectHead, _ key: String, client: S3Client, bucket: String
    ) async throws -> [String: String] {
        guard song.metadata[mark] != nil, let place = SongCompanion.options.key(beside: key),
            let late = try await client.head(bucket, place)
        else { return song.metadata }
        return song.metadata.merging(late.metadata) { $1 }
    }
}

/// What an upload with an `Idempotency-Key` brought, kept so that the same request is known again and another one told apart.
public struct UploadReceipt: Sendable, Equatable {
    /// The SHA-256 of the song, in hex.
    public var digest: String
    /// The song's bytes.
    public var size: Int
    /// The SHA-256 of the options' ``JobOptions/identity``, in hex.
    public var options: String
    /// The song's name.
    public var filename: String

    /// A receipt of its parts.
    public init(digest: String, size: Int, options: String, filename: String) {
        (self.digest, self.size, self.options, self.filename) = (digest, size, options, filename)
    }

    /// Reads the metadata of the companion.
    public init?(metadata: [String: String]) {
        guard let digest = metadata["digest"], let size = metadata["size"].flatMap({ Int($0) }) else { return nil }
        self.init(
            digest: digest, size: size, options: metadata["asked"] ?? "",
            filename: metadata["filename"]?.percentDecoded() ?? "")
    }

    /// The metadata of the companion, in ASCII.
    public var metadata: [String: String] {
        [
            "digest": digest, "size": String(size), "asked": options, "filename": filename.percentEncoded(),
        ]
    }
}

/// A song that may come to a presigned address.
public struct AwaitedSong: Sendable, Equatable {
    /// Its name.
    public var filename: String
    /// Until when the address is good.
    public var end: Date

    /// A song of this name.
    public init(filename: String, end: Date) { (self.filename, self.end) = (filename, end) }

    /// Reads the metadata of the companion.
    public init?(metadata: [String: String]) {
        guard let name = metadata["filename"]?.percentDecoded(), let end = metadata["until"].flatMap({ Double($0) })
        else {
            return nil
        }
        self.init(filename: name, end: Date(timeIntervalSince1970: end))
    }

    /// The metadata of the companion, in ASCII.
    public var metadata: [String: String] {
        ["filename": filename.percentEncoded(), "until": String(Int64(end.timeIntervalSince1970.rounded(.up)))]
    }
}
