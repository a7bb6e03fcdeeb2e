import FileKind
import Foundation
import Testing

/// What is refused by its first bytes alone, and what is not.
struct FileKindTests {
    @Test(
        arguments: [
            ([0x00, 0x05, 0x16, 0x07, 0x00, 0x02], "a macOS resource file (the “._” twin of another file)"),
            ([0xff, 0xd8, 0xff, 0xdb], "a JPEG picture"), ([0x50, 0x4b, 0x03, 0x04, 0x14], "a ZIP archive"),
            (Array("%PDF-1.7\n%".utf8), "a PDF document"), (Array("\0\0\0\u{18}ftypheic".utf8), "a HEIC picture"),
            (Array("MThd\0\0\0\u{6}".utf8), "a MIDI file, which holds notes and no sound"),
            (
                Array("#EXTM3U\n#EXT-X-TARGETDURATION:10\nfile:///etc/passwd\n".utf8),
                "a playlist (M3U), which holds no sound itself"
            ),
            (
                Array("ffconcat version 1.0\nfile /etc/passwd\n".utf8),
                "a list of files (ffconcat), which holds no sound itself"
            ),
            (Array("<?xml version=\"1.0\"?><MPD>".utf8), "a DASH manifest, which holds no sound itself"),
            (Array("<?xml version=\"1.0\"?>\n<svg xmlns=''>".utf8), "an SVG picture"),
            (Array("<!DOCTYPE html>".utf8), "a web page"),
            (Array("Una canción".utf8), "text"), (Array("\u{feff}words".utf8), "text"),
            ([0xff, 0xfe] + Array("h\0e\0l\0l\0o\0".utf8), "text"), (Array("{\"a\": 1}".utf8), "text"),
            (Array("RIFF\u{10}\0\0\0WEBPVP8 ".utf8), "a WebP picture"), ([0x1f, 0x8b, 0x08, 0x00], "a gzip archive"),
        ] as [([UInt8], String)])
    func `what holds no audio is named`(head: [UInt8], name: String) {
        #expect(FileKind(head: head) == .other(name))
    }

    @Test(
        arguments: [
            Array("RIFF\u{24}\0\0\0WAVEfmt ".utf8), Array("ID3\u{3}\0\0\0\0\0\0".utf8), [0xff, 0xfb, 0x90, 0x64],
            [0xff, 0xf1, 0x50, 0x80],
            Array("OggS\0\u{2}".utf8), Array("fLaC\0\0\0".utf8), Array("\0\0\0\u{20}ftypM4A ".utf8),
            Array("FORM\0\0\0\0AIFF".utf8),
            [0x1a, 0x45, 0xdf, 0xa3], [0x30, 0x26, 0xb2, 0x75], Array("#!AMR\n".utf8),
            [UInt8](repeating: 0, count: 4096), [],
            [0xff, 0xfe, 0x18, 0xc4, 0x00, 0x01], [0x0b, 0x77, 0x12, 0x34],
        ] as [[UInt8]])
    func `what may be audio is let through`(head: [UInt8]) {
        #expect(FileKind(head: head) == .maybeAudio)
    }

    @Test func `a letter that is cut at the end of the head is still text`() {
        let text = Array(String(repeating: "é", count: 4000).utf8)
        #expect(FileKind(head: text.prefix(FileKind.headLength - 1)) == .other("text"))
    }
}
