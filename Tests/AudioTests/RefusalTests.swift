import Audio
import Foundation
import TestSupport
import Testing

/// What is no track is refused with a sentence that names the file and says why.
struct RefusalTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    private func refusal(_ name: String) -> String {
        sentence { _ = try readAll(studio.url(name)) } ?? "was read"
    }

    @Test func `the content decides, not the name`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        try studio.edit("tones.wav", to: "a.mp3") { _ in }
        try studio.edit("song.mp3", to: "b.wav") { _ in }
        try studio.edit("song.mp3", to: "no extension") { _ in }
        #expect(try readAll(studio.url("a.mp3")).samples == readAll(studio.url("tones.wav")).samples)
        let song = try readAll(studio.url("song.mp3")).samples
        #expect(try readAll(studio.url("b.wav")).samples == song)
        #expect(try readAll(studio.url("no extension")).samples == song)
    }

    @Test func `an empty file`() throws {
        try Data().write(to: studio.url("empty.mp3"))
        #expect(
            refusal("empty.mp3") == "\(studio.path("empty.mp3")) is empty (0 bytes); upload or copy the file again.")
    }

    @Test(arguments: [
        "hello", "Una canción, no.\n", String(repeating: "These are words and no song.\r\n", count: 2000),
    ])
    func `a text file`(text: String) throws {
        try Data(text.utf8).write(to: studio.url("text.mp3"))
        #expect(
            refusal("text.mp3") == "\(studio.path("text.mp3")) is text; there is no audio in it.")
    }

    @Test func `random bytes`() throws {
        var state: UInt64 = 7
        let bytes = (0..<300_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 40)
        }
        try Data(bytes).write(to: studio.url("random.mp3"))
        #expect(refusal("random.mp3").contains("is not audio: nothing in it has the form of MP3"))
    }

    /// 144 bytes once ended every worker that read them.
    @Test(arguments: [UInt64(Int64.max), .max, 1 << 62, 5])
    func `a header that announces more than there can be`(announced: UInt64) throws {
        func number<Number: FixedWidthInteger>(_ value: Number) -> Data {
            withUnsafeBytes(of: value.littleEndian) { Data($0) }
        }
        var file = Data("RF64".utf8) + number(UInt32.max) + Data("WAVEds64".utf8) + number(28 as UInt32)
        file += number(announced) + number(announced) + number(announced) + number(0 as UInt32)
        file += Data("fmt ".utf8) + number(16 as UInt32) + number(1 as UInt16) + number(1 as UInt16)
        file += number(1 as UInt32) + number(1 as UInt32) + number(1 as UInt16) + number(8 as UInt16)
        file += Data("data".utf8) + number(UInt32.max) + Data(repeating: 0x90, count: 4)
        try file.write(to: studio.url("long.wav"))
        do {
            let read = try readAll(studio.url("long.wav"), channels: 2)
            #expect(read.warnings.allSatisfy { !$0.isEmpty })
        } catch {
            #expect(error is AudioError)
        }
    }

    @Test func `zeros, tags without audio, a WAV header without samples`() throws {
        try Data(count: 10_000).write(to: studio.url("zeros.mp3"))
        try (Data("ID3".utf8) + Data([3, 0, 0, 0, 0, 0x20, 0]) + Data(count: 4096)).write(to: studio.url("tag.mp3"))
        try studio.tones()
        try studio.edit("tones.wav", to: "header.wav") { $0 = $0.prefix(30) }
        #expect(refusal("zeros.mp3").contains("is not audio"))
        #expect(
            refusal("tag.mp3").hasSuffix("is a tag without a song; there is no audio in it."), "\(refusal("tag.mp3"))")
        #expect(refusal("header.wav").contains("header.wav"))
        #expect(refusal("header.wav") != "was read")
    }

    @Test func `a missing file and a folder`() throws {
        #expect(refusal("missing.mp3").hasSuffix("missing.mp3 cannot be opened: No such file or directory."))
        #expect(
            sentence { _ = try readAll(studio.directory.url) }?.hasSuffix("cannot be opened: it is not a regular file.")
                == true)
    }

    @Test(arguments: [
        ("a.png", "a PNG picture"), ("a.jpg", "a JPEG picture"), ("a.gif", "a GIF picture"),
        ("a.webp", "a WebP picture"),
        ("a.tiff", "a TIFF picture"), ("a.bmp", "a BMP picture"),
    ])
    func `a picture is called what it is`(name: String, kind: String) throws {
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", studio.path(name))
        try studio.edit(name, to: "song.mp3") { _ in }
        #expect(refusal("song.mp3") == "\(studio.path("song.mp3")) is \(kind); there is no audio in it.")
    }

    @Test func `a container whose streams cannot be made out is refused and closed once`() throws {
        // Found by the fuzzer: closed twice.
        let found = Places.repository.appending(path: "Tests/Fuzz/Corpus/media/found-streams-not-made-out")
        #expect(sentence { _ = try readAll(found) }?.contains("cannot be decoded") == true)
    }

    @Test func `a pipe is no file, and does not hold anybody up`() throws {
        #expect(mkfifo(studio.path("pipe.wav"), 0o600) == 0)
        #expect(refusal("pipe.wav").hasSuffix("pipe.wav cannot be opened: it is not a regular file."))
    }
}
