import Audio
import Foundation
import SeparationChoices
import Testing

/// What is written, as other programs read it: length, channels, tags, cover.
struct FormatTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    /// All but the file of several tracks, which has a test of its own.
    private static let formats =
        StemFormat.allCases.filter { $0 != .stemFile }.map { AudioFormat($0, bitrate: 256, preset: 5) }
        + [.flac(bits: 24)]

    @Test(arguments: formats, [1, 2])
    func `every format has the length and the sound that went in`(format: AudioFormat, channels: Int) throws {
        let rate = format.sampleRate(for: 44100)
        let samples = tones(frames: 70_001, channels: channels, rate: rate)
        let name = "a.\(format.name.fileExtension)"
        try write(samples, to: studio.url(name), format, channels: channels, sampleRate: rate)
        let (back, warnings) = try readAll(studio.url(name), sampleRate: rate, channels: channels)
        #expect(isLength(back.count, samples.count, format))
        #expect(warnings == [])
        #expect(decibels(samples, against: back) > (format.name.isLossless ? 80 : 20))
        let theirs = try studio.decodedByFFmpeg(name)
        #expect(theirs.count == back.count)
        #expect(decibels(samples, against: theirs) > (format.name.isLossless ? 80 : 20))
        let probe = try Probe(studio.path(name))
        #expect(abs(probe.duration - 70_001 / Double(rate)) < (format.name == .mp3 ? 0.06 : 0.01), "\(probe.duration)")
        #expect((probe.sound?.sampleRate, probe.sound?.channels) == (rate, channels))
        #expect([channels == 1 ? "mono" : "stereo", nil].contains(probe.sound?.layout))
    }

    @Test(arguments: ["song.mp3", "song.flac", "song.m4a", "song.ogg", "song.opus", "song.mka", "song.wav"])
    func `tags and cover of a track come into every format`(name: String) throws {
        try makeSong(name)
        let tags = try #require(TrackTags(studio.url(name))).completed(by: "vocals")
        #expect(tags.cover != nil || name.hasSuffix("wav"))
        for format in Self.formats {
            let stem = "stem.\(format.name.fileExtension)"
            let rate = format.sampleRate(for: 44100)
            try write(tones(frames: 30_000, rate: rate), to: studio.url(stem), format, sampleRate: rate, tags: tags)
            let probe = try Probe(studio.path(stem))
            #expect(probe.tags["title"] == "Blau & Grün (vocals)", "\(format) of \(name): \(probe.tags)")
            #expect(probe.tags["artist"] == "The Tests")
            #expect(probe.tags["album"] == "Fixtures")
            if let cover = tags.cover {
                #expect(probe.hasCover, "\(format) of \(name)")
                #expect(TrackTags(studio.url(stem))?.cover == cover)
                #expect(try cover.bytes == [UInt8](Data(contentsOf: studio.url("cover.jpg"))))
            }
            // The samples are those of a file without tags.
            let count = try readAll(studio.url(stem), sampleRate: rate).samples.count
            #expect(isLength(count, 60_000, format), "\(format): \(count)")
        }
    }

    @Test func `what has no tags gets none, and what is broken is none`() throws {
        #expect(try TrackTags(studio.tones()) == nil)
        try makeSong("song.mp3")
        let whole = try Data(contentsOf: studio.url("song.mp3"))
        for length in stride(from: 0, to: 4000, by: 37) {
            try whole.prefix(length).write(to: studio.url("cut"))
            _ = TrackTags(studio.url("cut"))
        }
    }

    @Test func `a WAV file beyond 4 GiB is an RF64, and one with tags is whole`() throws {
        // The samples are holes: the writer is told the length that it has to expect.
        try makeSong("song.flac")
        let tags = try #require(TrackTags(studio.url("song.flac")))
        let writer = try AudioWriter(
            studio.url("huge.wav"),
            AudioDescription(
                format: .float32, sampleRate: 44100, channels: 2, clipMode: .none, frames: 600_000_000, tags: tags))
        try tones(frames: 10_000).withUnsafeBufferPointer { try writer.write($0) }
        _ = try writer.finish()
        let bytes = try Data(contentsOf: studio.url("huge.wav"))
        #expect(bytes.prefix(4) == Data("RF64".utf8))
        let size = bytes[20..<28].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(size == UInt64(bytes.count - 8))
        #expect(try Probe(studio.path("huge.wav")).tags["title"] == "Blau & Grün")
        #expect(try studio.decodedByFFmpeg("huge.wav").count == 20_000)
    }

    /// Native Instruments' Stems, by two independent readers: stempeg has the sound of five tracks, mutagen the box.
    @Test func `a stem file is what DJ software expects`() throws {
        try makeSong("song.flac")
        let tags = try #require(TrackTags(studio.url("song.flac")))
        let file = try StemFile(
            studio.url("a.stem.mp4"),
            AudioDescription(format: .stemFile(bitrate: 256), sampleRate: 44100, channels: 2, tags: tags),
            names: ["drums", "bass", "other", "vocals"])
        let tracks = (0..<5).map { tones(frames: 50_000, pitch: 200 * Double($0 + 1)) }
        for start in stride(from: 0, to: 100_000, by: 20_000) {
            for (index, track) in tracks.enumerated() {
                try track[start..<(start + 20_000)].withUnsafeBufferPointer { try file.encode($0, track: index) }
            }
            try file.write()
        }
        for index in tracks.indices { try file.end(track: index) }
        try file.finish()
        let script = """
            import sys, json, stempeg, mutagen.mp4
            stems, rate = stempeg.read_stems(sys.argv[1])
            data = open(sys.argv[1], "rb")
            atoms = mutagen.mp4.Atoms(data)
            ok, box = atoms[b"moov.udta.stem"].read(data)
            data.seek(0)
            tags = mutagen.mp4.MP4(sys.argv[1])
            print(json.dumps({"shape": list(stems.shape), "rate": int(rate), "box": json.loads(box),
                "peaks": [int(abs(__import__("numpy").fft.rfft(s[8000:40768, 0])).argmax()) for s in stems],
                "title": tags["\\u00a9nam"][0], "covers": len(tags["covr"])}))
            """
        let said =
            try JSONSerialization.jsonObject(
                with: run("python3", "-c", script, studio.path("a.stem.mp4"))) as? [String: Any]
        let answer = try #require(said)
        // Whole blocks of 1024; the container says where the last one ends.
        #expect(answer["shape"] as? [Int] == [5, 50_176, 2])
        #expect(answer["rate"] as? Int == 44100)
        #expect(answer["title"] as? String == "Blau & Grün")
        #expect(answer["covers"] as? Int == 1)
        #expect(
            (answer["peaks"] as? [Int])?.map { Double($0) * 44100 / 32768 }.map { ($0 / 200).rounded() } == [
                1, 2, 3, 4, 5,
            ])
        let box = try #require(answer["box"] as? [String: Any])
        #expect(box["version"] as? Int == 1)
        #expect(
            (box["stems"] as? [[String: String]])?.compactMap { $0["name"] } == ["Drums", "Bass", "Other", "Vocals"])
        #expect((box["stems"] as? [[String: String]])?.allSatisfy { $0["color"]?.hasPrefix("#") == true } == true)
        // Players that know nothing of stems play the first track.
        let probe = try Probe(studio.path("a.stem.mp4"))
        #expect(probe.streams.map(\.isDefault).prefix(5) == [true, false, false, false, false])
    }

    /// AAC comes in whole blocks of 1024 frames. Where the last one ends stands in the container, and FFmpeg's decoder, which is
    /// also that of others, gives all of it.
    private func isLength(_ count: Int, _ wanted: Int, _ format: AudioFormat) -> Bool {
        format.name == .m4a ? (wanted..<(wanted + 2048)).contains(count) : count == wanted
    }

    private func makeSong(_ name: String) throws {
        try studio.tones()
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1",
            studio.path("cover.jpg"))
        let tags = ["title=Blau & Grün", "artist=The Tests", "album=Fixtures", "track=3", "date=2024"]
            .flatMap { ["-metadata", $0] }
        var cover = [
            "-i", studio.path("cover.jpg"), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic",
        ]
        let codec = ["mp3": "libmp3lame", "m4a": "aac", "ogg": "libvorbis", "opus": "libopus"][
            String(name.split(separator: ".")[1])]
        if name.hasSuffix("wav") || name.hasSuffix("ogg") || name.hasSuffix("opus") || name.hasSuffix("mka") {
            cover = []
        }
        if name.hasSuffix("mka") {
            cover = ["-attach", studio.path("cover.jpg"), "-metadata:s:t", "mimetype=image/jpeg"]
        }
        try run(
            ["ffmpeg", "-v", "quiet", "-i", studio.path("tones.wav")] + cover + tags
                + (codec.map { ["-c:a", $0] } ?? []) + [studio.path(name)])
        // ffmpeg writes no covers into Ogg; the picture is a field there.
        guard name.hasSuffix("ogg") || name.hasSuffix("opus") else { return }
        let script = """
            import sys, base64, mutagen
            from mutagen.flac import Picture
            song, picture = mutagen.File(sys.argv[1]), Picture()
            picture.data, picture.type, picture.mime = open(sys.argv[2], "rb").read(), 3, "image/jpeg"
            song["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
            song.save()
            """
        try run("python3", "-c", script, studio.path(name), studio.path("cover.jpg"))
    }

    private func tones(frames: Int, channels: Int = 2, rate: Int = 44100, pitch: Double = 440) -> [Float] {
        (0..<frames * channels).map { index in
            let time = Double(index / channels) / Double(rate)
            return Float(0.4 * sin(2 * .pi * (pitch + Double(index % channels) * 0.5) * time))
        }
    }
}

/// What ffprobe says of a file.
private struct Probe {
    struct Stream {
        var isSound: Bool
        var isCover: Bool
        var isDefault: Bool
        var sampleRate: Int
        var channels: Int
        var layout: String?
        var tags: [String: String]
    }

    let duration: Double
    let streams: [Stream]
    private let fileTags: [String: String]

    init(_ path: String) throws {
        let data = try run("ffprobe", "-v", "quiet", "-show_format", "-show_streams", "-of", "json", path)
        let json = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        let format = json["format"] as? [String: Any] ?? [:]
        duration = Double(format["duration"] as? String ?? "") ?? 0
        fileTags = Self.lowercased(format["tags"])
        streams = (json["streams"] as? [[String: Any]] ?? []).map { stream in
            let disposition = stream["disposition"] as? [String: Int] ?? [:]
            return Stream(
                isSound: stream["codec_type"] as? String == "audio", isCover: disposition["attached_pic"] == 1,
                isDefault: disposition["default"] == 1, sampleRate: Int(stream["sample_rate"] as? String ?? "") ?? 0,
                channels: stream["channels"] as? Int ?? 0, layout: stream["channel_layout"] as? String,
                tags: Self.lowercased(stream["tags"]))
        }
    }

    var sound: Stream? { streams.first(where: \.isSound) }
    var hasCover: Bool { streams.contains(where: \.isCover) }
    /// Of the file, or where the container has them there, of the stream.
    var tags: [String: String] { fileTags.merging(sound?.tags ?? [:]) { file, _ in file } }

    private static func lowercased(_ tags: Any?) -> [String: String] {
        Dictionary((tags as? [String: String] ?? [:]).map { ($0.lowercased(), $1) }) { first, _ in first }
    }
}
