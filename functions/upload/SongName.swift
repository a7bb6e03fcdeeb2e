import Foundation
import FunctionHost

/// A file name from outside, made harmless: no folders, no control characters, not too long. Letters of all
/// languages stay.
package struct SongName: Sendable, Equatable {
    /// The longest name in UTF-8 bytes; a key may have 1,024 and file systems take 255.
    package static let maximumLength = 200

    package let text: String

    package init(_ raw: String) {
        // Scalars and not characters: a slash with an accent on it is one character that is no slash.
        let last = raw.unicodeScalars.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map { String($0) } ?? ""
        let visible = String(String.UnicodeScalarView(last.unicodeScalars.filter(Self.isHarmless)))
        let name = visible.precomposedStringWithCanonicalMapping.trimmingCharacters(in: .whitespaces)
        let bare = String(name.unicodeScalars.drop { $0 == "." })
        text = bare.isEmpty ? "song" : Self.shortened(bare)
    }

    /// `song.mp3` and the like, for a song that came without a name.
    package static func fallback(contentType: String?) -> SongName {
        let media = contentType.map { $0.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased() } ?? ""
        return SongName(
            "song" + (types.first { $0.type == media || $0.aliases.contains(media) }.map { "." + $0.suffix } ?? ""))
    }

    /// The media type that belongs to the name's ending.
    package var contentType: String? {
        guard let dot = text.lastIndex(of: ".") else { return nil }
        let suffix = text[text.index(after: dot)...].lowercased()
        return Self.types.first { $0.suffix == suffix }?.type
    }

    private static let types: [(suffix: String, type: String, aliases: [String])] = [
        ("mp3", "audio/mpeg", ["audio/mp3", "audio/x-mp3", "audio/mpeg3"]),
        ("wav", "audio/wav", ["audio/x-wav", "audio/wave", "audio/vnd.wave"]),
        ("flac", "audio/flac", ["audio/x-flac"]),
        ("ogg", "audio/ogg", ["application/ogg", "audio/vorbis"]),
        ("opus", "audio/opus", []),
        ("aiff", "audio/aiff", ["audio/x-aiff"]),
        ("aif", "audio/aiff", []),
        ("m4a", "audio/mp4", ["audio/x-m4a", "audio/aac"]),
    ]

    /// Neither control characters nor invisible ones that turn text around or hide it.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    /// Cuts at a character, keeping a short ending.
    private static func shortened(_ name: String) -> String {
        guard name.utf8.count > maximumLength else { return name }
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        let suffix = name[dot...].utf8.count <= 16 ? String(name[dot...]) : ""
        var stem = Substring(name.dropLast(suffix.count))
        while stem.utf8.count + suffix.utf8.count > maximumLength { stem.removeLast() }
        return stem + suffix
    }
}
