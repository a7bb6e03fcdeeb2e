import Testing
import UploadFunction

@Suite struct SongNameTests {
    @Test(arguments: [
        ("song.mp3", "song.mp3"), ("../../etc/passwd", "passwd"), ("C:\\music\\a.wav", "a.wav"), ("..", "song"),
        ("", "song"),
        ("/", "song"), (".hidden", "hidden"), (" a b .mp3 ", "a b .mp3"), ("a\0b\r\nc\t.mp3", "abc.mp3"),
        ("Привет мир é.mp3", "Привет мир é.mp3"), ("e\u{301}.mp3", "é.mp3"), ("🎵.flac", "🎵.flac"),
        ("gpj.\u{202E}3pm.mp3", "gpj.3pm.mp3"), ("a\"b';<>|&$.mp3", "a\"b';<>|&$.mp3"),
    ])
    func namesAreMadeHarmless(_ raw: String, _ name: String) {
        #expect(SongName(raw).text == name)
    }

    /// Found by fuzzing: a slash and a combining accent are one character of Swift's, which is not equal to a slash.
    @Test(arguments: ["/", "\\"]) func accentsDoNotHideSlashes(slash: String) {
        for accent in ["\u{301}", "\u{59a}", "\u{fe0f}"] {
            #expect(
                SongName("..\(slash)\(accent)..\(slash)\(accent)x.mp3").text.unicodeScalars.allSatisfy {
                    $0 != "/" && $0 != "\\"
                })
        }
        #expect(!SongName(".\u{301}x").text.hasPrefix("."))
        #expect(SongName(".\u{301}x").text.unicodeScalars.first != ".")
    }

    @Test func longNamesKeepTheirEnding() {
        let name = SongName(String(repeating: "ü", count: 500) + ".mp3").text
        #expect(name.utf8.count <= SongName.maximumLength)
        #expect(name.hasSuffix("ü.mp3"))
        #expect(SongName(String(repeating: "👨‍👩‍👧", count: 100)).text.utf8.count <= SongName.maximumLength)
    }

    @Test func namelessSongsAreCalledAfterTheirType() {
        #expect(SongName.fallback(contentType: "audio/mpeg; x=y").text == "song.mp3")
        #expect(SongName.fallback(contentType: "AUDIO/X-WAV").text == "song.wav")
        #expect(SongName.fallback(contentType: "application/octet-stream").text == "song")
        #expect(SongName("a.FLAC").contentType == "audio/flac")
    }
}
