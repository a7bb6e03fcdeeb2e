/// What a file is, judged by its first bytes; its name and its declared type are never asked.
///
/// Only what certainly holds no sound is named, so that it can be refused before anybody stores it, queues it or wakes a
/// worker for it. Everything else may be audio: a decoder finds out. A pure function of the bytes: it opens nothing.
public enum FileKind: Sendable, Equatable {
    /// Audio, a video that may have sound, or nothing that is known here.
    case maybeAudio
    /// Certainly no audio; what it is, with its article, such as “a JPEG picture”.
    case other(String)

    /// How many of a file's first bytes are worth looking at.
    public static let headLength = 4096

    /// Judges a file by its beginning: the first ``headLength`` bytes, or all of a shorter file.
    public init(head: some Sequence<UInt8>) {
        let head = Array(head.prefix(Self.headLength))
        if Self.isAudio(head) {
            self = .maybeAudio
        } else if let name = Self.signature(of: head) ?? Self.container(of: head) ?? Self.text(of: head) {
            self = .other(name)
        } else {
            self = .maybeAudio
        }
    }

    /// Formats of audio whose beginning could pass for something else.
    private static func isAudio(_ head: [UInt8]) -> Bool {
        ["#!AMR", "ID3", "RIFF", "RIFX", "RF64", "FORM", "OggS", "fLaC", ".snd", "ajkg", "NIST_1A"].contains {
            head.starts(with: $0.utf8)
        } && !(head.starts(with: "RIFF".utf8) && head.dropFirst(8).starts(with: "WEBP".utf8))
    }

    // MARK: - Fixed beginnings

    private struct Signature {
        let bytes: [UInt8]
        let offset: Int
        let name: String

        init(_ bytes: [UInt8], at offset: Int = 0, _ name: String) {
            (self.bytes, self.offset, self.name) = (bytes, offset, name)
        }

        init(_ text: String, at offset: Int = 0, _ name: String) { self.init(Array(text.utf8), at: offset, name) }
    }

    private static let signatures = [
        Signature([0x00, 0x05, 0x16, 0x07], "a macOS resource file (the “._” twin of another file)"),
        Signature([0x00, 0x05, 0x16, 0x00], "a macOS resource file"),
        Signature([0x00, 0x00, 0x00, 0x01, 0x42, 0x75, 0x64, 0x31], "a macOS folder description (.DS_Store)"),
        Signature([0xff, 0xd8, 0xff], "a JPEG picture"),
        Signature([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "a PNG picture"),
        Signature("GIF87a", "a GIF picture"), Signature("GIF89a", "a GIF picture"),
        Signature("WEBP", at: 8, "a WebP picture"),
        Signature([0x49, 0x49, 0x2a, 0x00], "a TIFF picture"), Signature([0x4d, 0x4d, 0x00, 0x2a], "a TIFF picture"),
        Signature("8BPS", "a Photoshop picture"), Signature("gimp xcf", "a GIMP picture"),
        Signature([0x00, 0x00, 0x00, 0x0c, 0x4a, 0x58, 0x4c, 0x20], "a JPEG XL picture"),
        Signature([0x00, 0x00, 0x00, 0x0c, 0x6a, 0x50, 0x20, 0x20], "a JPEG 2000 picture"),
        Signature([0x76, 0x2f, 0x31, 0x01], "an OpenEXR picture"), Signature("AT&TFORM", "a DjVu document"),
        Signature("%PDF-", "a PDF document"), Signature("%!PS", "a PostScript document"),
        Signature("{\\rtf", "an RTF document"),
        Signature([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "an Office document"),
        Signature([0x50, 0x4b, 0x03, 0x04], "a ZIP archive"), Signature([0x50, 0x4b, 0x05, 0x06], "a ZIP archive"),
        Signature([0x1f, 0x8b], "a gzip archive"), Signature("BZh", "a bzip2 archive"),
        Signature([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "an xz archive"),
        Signature([0x28, 0xb5, 0x2f, 0xfd], "a Zstandard archive"),
        Signature([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive"),
        Signature([0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], "a RAR archive"),
        Signature("ustar", at: 257, "a tar archive"),
        Signature([0x7f, 0x45, 0x4c, 0x46], "a Linux program"), Signature("MZ", "a Windows program"),
        Signature([0xcf, 0xfa, 0xed, 0xfe], "a macOS program"), Signature([0xca, 0xfe, 0xba, 0xbe], "a program"),
        Signature([0x00, 0x61, 0x73, 0x6d], "a WebAssembly program"),
        Signature("SQLite format 3\0", "a SQLite database"),
        Signature("OTTO", "a font"), Signature("wOFF", "a font"), Signature("wOF2", "a font"),
        Signature([0x00, 0x01, 0x00, 0x00, 0x00], "a font"),
        Signature("MThd", "a MIDI file, which holds notes and no sound"),
        Signature("Extended Module:", "a tracker module, which holds notes and no recording"),
        Signature("IMPM", "a tracker module, which holds notes and no recording"),
        Signature("SCRM", at: 44, "a tracker module, which holds notes and no recording"),
        Signature("d8:announce", "a torrent"),
        Signature([0x4c, 0x00, 0x00, 0x00, 0x01, 0x14, 0x02, 0x00], "a Windows shortcut"),
    ]

    private static func signature(of head: [UInt8]) -> String? {
        signatures.first { head.dropFirst($0.offset).starts(with: $0.bytes) }?.name
            ?? (head.starts(with: "BM".utf8) && head.dropFirst(6).starts(with: [0, 0, 0, 0]) ? "a BMP picture" : nil)
    }

    /// Pictures in the container that MP4 uses, too (ISO/IEC 14496-12, 4.3).
    private static func container(of head: [UInt8]) -> String? {
        guard head.dropFirst(4).starts(with: "ftyp".utf8) else { return nil }
        switch String(decoding: head.dropFirst(8).prefix(4), as: UTF8.self) {
        case "heic", "heix", "heim", "heis", "mif1", "msf1": return "a HEIC picture"
        case "avif", "avis": return "an AVIF picture"
        case "crx ": return "a CR3 picture"
        default: return nil
        }
    }

    // MARK: - Text

    /// What a text is; nil when the bytes are no text.
    private static func text(of head: [UInt8]) -> String? {
        if head.starts(with: [0xff, 0xfe]) || head.starts(with: [0xfe, 0xff]) {
            // Without its mark of the byte order it must look like Latin letters with zeros between them.
            let isWide =
                head.count >= 8
                && head.dropFirst(2).prefix(256).count(where: { $0 == 0 }) * 3 > min(head.count - 2, 256)
            return isWide ? "text" : nil
        }
        let isPrintable = head.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
        guard isPrintable, let whole = String(validating: head.dropLast(cutOff(head)), as: UTF8.self), !whole.isEmpty
        else { return nil }
        let start = whole.drop { $0.isWhitespace || $0 == "\u{feff}" }.prefix(1024).lowercased()
        let kinds: [(String, String)] = [
            ("#extm3u", "a playlist (M3U), which holds no sound itself"),
            ("[playlist]", "a playlist (PLS), which holds no sound itself"),
            ("ffconcat version", "a list of files (ffconcat), which holds no sound itself"),
            ("<!doctype html", "a web page"), ("<html", "a web page"), ("<svg", "an SVG picture"),
            ("version https://git-lfs", "a Git LFS pointer; fetch the file itself with: git lfs pull"),
        ]
        if let kind = kinds.first(where: { start.hasPrefix($0.0) }) { return kind.1 }
        guard start.hasPrefix("<?xml") || start.hasPrefix("<mpd") else { return "text" }
        return start.contains("<svg")
            ? "an SVG picture"
            : start.contains("<mpd") ? "a DASH manifest, which holds no sound itself" : "an XML document"
    }

    /// How many bytes at the end begin a letter whose rest is cut off.
    private static func cutOff(_ head: [UInt8]) -> Int {
        for count in 1...3 where head.count > count {
            let first = head[head.count - count]
            if first < 0x80 { return 0 }
            if first >= 0xc0 { return (first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2) > count ? count : 0 }
        }
        return 0
    }
}
