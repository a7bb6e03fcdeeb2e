import Audio
import Foundation
import Testing

struct MP3ReadingTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test(arguments: [
        ["-b", "192"], ["-V", "2"], ["--abr", "160"], ["-b", "320", "-m", "s"], ["-b", "64", "-m", "m"],
        ["-b", "128", "-p"],
    ])
    func `LAME's delay and padding are trimmed, so that length and position are the original's`(options: [String])
        throws
    {
        try studio.tones()
        try studio.encode("tones.wav", "song.mp3", options)
        let original = try readAll(studio.url("tones.wav")).samples
        let (samples, warnings) = try readAll(studio.url("song.mp3"))
        #expect(samples.count == original.count)
        #expect(warnings == [])
        if options.contains("m") {
            #expect(stride(from: 0, to: samples.count, by: 2).allSatisfy { samples[$0] == samples[$0 + 1] })
            #expect(decibels(mono(original), against: mono(samples)) > 8)
        } else {
            #expect(decibels(original, against: samples) > 8)
            #expect(try decibels(studio.decodedByFFmpeg("song.mp3"), against: samples) > 90)
        }
    }

    @Test(arguments: [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
    func `every MPEG sample rate is read in its own rate and length`(rate: Int) throws {
        try studio.tones(frames: 2 * rate + 3, rate: rate)
        try studio.encode("tones.wav", "song.mp3", ["-b", "64", "--resample", "\(Double(rate) / 1000)"])
        let (samples, warnings) = try readAll(studio.url("song.mp3"), sampleRate: rate)
        #expect(samples.count == 2 * (2 * rate + 3))
        #expect(warnings == [])
        try run("lame", "--quiet", "--decode", studio.path("song.mp3"), studio.path("decoded.wav"))
        #expect(try decibels(readAll(studio.url("decoded.wav"), sampleRate: rate).samples, against: samples) > 75)
    }

    @Test func `tags before and behind the audio are no audio`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "plain.mp3", ["-b", "128"])
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "nullsrc=s=512x512,geq=random(1)*255:128:128", "-frames:v",
            "1",
            studio.path("cover.png"))
        try run(
            "ffmpeg", "-v", "quiet", "-i", studio.path("plain.mp3"), "-i", studio.path("cover.png"), "-map", "0",
            "-map", "1",
            "-c", "copy", "-id3v2_version", "3", "-write_id3v1", "1", "-metadata", "title=A song with a picture",
            studio.path("picture.mp3"))
        try run(
            "lame", "--quiet", "-b", "128", "--add-id3v2", "--tt", "Título", "--ta", "x", studio.path("tones.wav"),
            studio.path("tagged.mp3"))
        try studio.edit("plain.mp3", to: "ape.mp3") { $0 += apeTag() + id3v1() }
        let plain = try readAll(studio.url("plain.mp3")).samples
        for name in ["picture.mp3", "tagged.mp3", "ape.mp3"] {
            let (samples, warnings) = try readAll(studio.url(name))
            #expect(samples == plain, "\(name)")
            #expect(warnings == [], "\(name)")
        }
        #expect(try Data(contentsOf: studio.url("picture.mp3")).count > 200_000)
    }

    @Test func `a file that is cut off is read to its end, with a warning`() throws {
        try studio.tones(frames: 441_000)
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        try studio.edit("song.mp3", to: "cut.mp3") { $0 = $0.prefix($0.count * 2 / 5 + 13) }
        let whole = try readAll(studio.url("song.mp3")).samples
        let (samples, warnings) = try readAll(studio.url("cut.mp3"))
        let seconds = Double(samples.count) / 88200
        #expect(3.8 < seconds && seconds < 4.1)
        #expect(decibels(samples.dropLast(8000), against: whole) > 90)
        #expect(warnings.count == 1)
        #expect(
            warnings.first?.hasPrefix("The file is truncated: it announces 0:10.0 of audio and ends after 0:04.0")
                == true)
    }

    @Test func `a cut in a file without an info tag is noticed by its last frame`() throws {
        try studio.tones(frames: 441_000)
        try studio.encode("tones.wav", "song.mp3", ["-b", "128", "-t"])
        #expect(try readAll(studio.url("song.mp3")).warnings == [])
        try studio.edit("song.mp3", to: "cut.mp3") { $0 = $0.prefix(60_000) }
        let (samples, warnings) = try readAll(studio.url("cut.mp3"))
        #expect(samples.count > 88200 * 7 / 2)
        #expect(warnings == ["The file is truncated: it ends inside a frame, after 0:03.7 of audio."])
    }

    @Test func `damaged places are skipped, counted and located`() throws {
        try studio.tones(frames: 441_000)
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        let whole = try readAll(studio.url("song.mp3")).samples
        try studio.edit("song.mp3", to: "damaged.mp3") { data in
            let quarter = data.count / 4
            for offset in 0..<3000 {
                data[quarter + offset] = UInt8(truncatingIfNeeded: offset &* 37 &+ offset >> 3) & 0x7f
            }
            data.insert(contentsOf: Data(repeating: 0x55, count: 777), at: 3 * quarter)
        }
        let (samples, warnings) = try readAll(studio.url("damaged.mp3"))
        #expect(abs(samples.count - whole.count) < 88200 / 2)
        #expect(decibels(whole[..<200_000], against: samples[..<200_000]) > 90)
        #expect(warnings.count == 1, "\(warnings)")
        #expect(
            warnings.first?.hasPrefix("The MP3 stream has 2 damaged places, the first at 0:02.") == true, "\(warnings)")
    }

    @Test func `junk before the first frame is passed over`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        try studio.edit("song.mp3", to: "late.mp3") { $0 = Data(repeating: 0, count: 5000) + $0 }
        #expect(try readAll(studio.url("late.mp3")).samples == readAll(studio.url("song.mp3")).samples)
    }

    @Test func `a change of rate and channels in the middle is read through`() throws {
        try studio.tones("a.wav", frames: 44100 * 2)
        try studio.tones("b.wav", frames: 22050 * 3, rate: 22050, channels: 1)
        try studio.encode("a.wav", "a.mp3", ["-b", "128", "-t"])
        try studio.encode("b.wav", "b.mp3", ["-b", "64", "-t"])
        let tail = try Data(contentsOf: studio.url("b.mp3"))
        try studio.edit("a.mp3", to: "both.mp3") { $0 += tail }
        let (samples, warnings) = try readAll(studio.url("both.mp3"))
        let seconds = Double(samples.count) / 88200
        #expect(4.9 < seconds && seconds < 5.3)
        #expect(warnings.contains { $0.contains("change 1× within the file") })
        let end = samples.suffix(88200)
        #expect(stride(from: end.startIndex, to: end.endIndex, by: 2).allSatisfy { end[$0] == end[$0 + 1] })
    }

    private func mono(_ samples: [Float]) -> [Float] {
        stride(from: 0, to: samples.count, by: 2).map { (samples[$0] + samples[$0 + 1]) / 2 }
    }

    private func id3v1() -> Data { Data("TAG".utf8) + Data(repeating: 0x20, count: 125) }

    private func apeTag() -> Data {
        let item = Data([4, 0, 0, 0, 0, 0, 0, 0]) + Data("Artist".utf8) + Data([0]) + Data("Some".utf8)
        func block(_ flags: UInt8) -> Data {
            Data("APETAGEX".utf8) + Data([0xd0, 7, 0, 0, UInt8(item.count + 32), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, flags])
                + Data(repeating: 0, count: 8)
        }
        return block(0xa0) + item + block(0x80)
    }
}

extension Studio {
    /// `input` encoded by the `lame` program.
    func encode(_ input: String, _ output: String, _ options: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["lame", "--quiet"] + options + [path(input), path(output)]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
