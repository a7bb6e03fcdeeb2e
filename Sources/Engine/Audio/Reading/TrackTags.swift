import CFFmpeg
import Foundation

/// What a track says of itself (title, artist, album, …) and its cover, to be copied into its stems.
///
/// Read and written by FFmpeg's libraries, which know the tags of every container that is read here and translate between
/// them; TagLib's C interface knows neither covers nor free fields. A track without tags, or with broken ones, has none:
/// that is never an error.
public struct TrackTags: Sendable, Equatable {
    /// The fields by FFmpeg's names, such as `title` and `album_artist`, in the order of the file.
    public var fields: [Field]
    /// The cover.
    public var cover: Cover?

    /// A name and its text.
    public struct Field: Sendable, Equatable {
        /// FFmpeg's name, in lower case where it has one.
        public var name: String
        /// The text.
        public var text: String
    }

    /// A picture as it lies in the file; it is never decoded.
    public struct Cover: Sendable, Equatable {
        /// The file of the picture.
        public var bytes: [UInt8]
        /// PNG, or else JPEG.
        public var isPNG: Bool

        /// The media type.
        var mediaType: String { isPNG ? "image/png" : "image/jpeg" }
    }

    private static let mostFields = 100
    private static let longestText = 20_000
    private static let largestCover = 16 << 20
    /// What speaks of the file and not of the song.
    private static let left: Set<String> = [
        "encoder", "encoder_options", "encoding_settings", "tsse", "major_brand", "minor_version", "compatible_brands",
        "creation_time", "handler_name", "vendor_id", "itunsmpb", "itunnorm", "itunpgap", "duration", "language",
        "bandwidth",
        "metadata_block_picture", "umid", "time_reference", "coding_history", "variant_bitrate", "timecode", "tlen",
    ]

    /// The tags of a file that can be read; nil where there are none.
    public init?(_ url: URL) {
        guard let file = try? FileWindow(LocalFile(url)), file.size > 0,
            let input = try? MediaInput(file, in: 0..<file.size, isForTags: true)
        else { return nil }
        fields = []
        let streams = input.streams
        let sound = streams.first { $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO }
        add(input.context.pointee.metadata)
        add(sound?.pointee.metadata)
        cover = streams.lazy.compactMap(Self.cover).first
        if fields.isEmpty, cover == nil { return nil }
    }

    /// The same tags for a stem: its name stands behind the title.
    public func completed(by stem: String) -> TrackTags {
        var tags = self
        for index in tags.fields.indices where tags.fields[index].name == "title" {
            tags.fields[index].text += " (\(stem))"
        }
        return tags
    }

    private mutating func add(_ dictionary: OpaquePointer?) {
        var entry: UnsafeMutablePointer<AVDictionaryEntry>?
        while fields.count < Self.mostFields {
            entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX)
            guard let found = entry else { return }
            let (key, text) = (String(cString: found.pointee.key), String(cString: found.pointee.value))
            let lower = key.lowercased()
            let name = ["title", "artist", "album", "date", "track", "genre", "comment"].contains(lower) ? lower : key
            guard !Self.left.contains(lower), !lower.hasPrefix("replaygain_"), !lower.hasPrefix("r128_"),
                !lower.hasPrefix("id3v2_priv."), key.utf8.count <= 100, !text.isEmpty,
                text.utf8.count <= Self.longestText, !fields.contains(where: { $0.name == name })
            else { continue }
            fields.append(Field(name: name, text: text))
        }
    }

    private static func cover(_ stream: UnsafeMutablePointer<AVStream>) -> Cover? {
        guard stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0 else { return nil }
        let codec = stream.pointee.codecpar.pointee.codec_id
        let picture = stream.pointee.attached_pic
        guard codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_PNG, let data = picture.data, picture.size > 0,
            Int(picture.size) <= largestCover
        else { return nil }
        return Cover(
            bytes: [UInt8](UnsafeBufferPointer(start: data, count: Int(picture.size))), isPNG: codec == AV_CODEC_ID_PNG)
    }
}

extension TrackTags {
    /// The fields as FFmpeg's libraries take them; to be freed by the caller.
    func dictionary() -> OpaquePointer? {
        var dictionary: OpaquePointer?
        for field in fields { av_dict_set(&dictionary, field.name, field.text, 0) }
        return dictionary
    }
}

extension TrackTags.Cover {
    /// The picture as a field of Ogg files: a block as FLAC has it (RFC 9639, section 8.8) in Base64.
    var oggField: String {
        var block: [UInt8] = UInt32(3).bigEndianBytes  // The front cover.
        block += UInt32(mediaType.utf8.count).bigEndianBytes + Array(mediaType.utf8)
        // No description; the picture's measures are left to whoever decodes it.
        block += [UInt8](repeating: 0, count: 20)
        block += UInt32(bytes.count).bigEndianBytes + bytes
        return Data(block).base64EncodedString()
    }
}
