import ObjectStorage
import ServiceContract

/// Options that a form brought after its song.
///
/// An object's metadata has to be told before its bytes, so such options lie in an object of their own beside the song,
/// `{job}/.options`, as its metadata. It is stored before the song can be seen, and it goes with the song: whoever looks
/// at a song with the ``mark`` looks here, too. No upload can have this name, since leading dots are taken off.
public enum LateOptions {
    /// The metadata of songs that may have late options.
    public static let mark = "late-options"
    private static let name = ".options"

    /// Whether the key is that of late options and not of a song.
    public static func areAt(_ key: String) -> Bool { key.hasSuffix("/" + name) }

    /// Stores the options of the song `key`.
    public static func store(_ options: JobOptions, of key: String, client: S3Client, bucket: String) async throws {
        guard let place = place(beside: key) else { return }
        try await client.put(bucket, place, body: .empty, metadata: options.metadata)
    }

    /// The metadata that counts for the song `key`: its own, and what late options say.
    public static func metadata(
        of song: ObjectHead, _ key: String, client: S3Client, bucket: String
    ) async throws -> [String: String] {
        guard song.metadata[mark] != nil, let place = place(beside: key),
            let late = try await client.head(bucket, place)
        else { return song.metadata }
        return song.metadata.merging(late.metadata) { $1 }
    }

    private static func place(beside key: String) -> String? {
        key.lastIndex(of: "/").map { key[...$0] + name }
    }
}
