import Audio
import Foundation
import Testing

/// Files that programs left half written, glued together or damaged: read to the last sample, and what was done is said.
struct BrokenFileTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    // MARK: - WAV

    @Test(arguments: [0, 36] as [UInt32])
    func `a WAV file that was never closed is read whole, with a note`(riffSize: UInt32) throws {
        try studio.tones()
        try studio.edit("tones.wav", to: "open.wav") { data in
            data.set(riffSize, at: 4)
            data.set(0, at: data.dataChunk + 4)
        }
        let (samples, warnings) = try readAll(studio.url("open.wav"))
        #expect(try samples == readAll(studio.url("tones.wav")).samples)
        #expect(warnings == ["The file was never closed (its header says that it is empty); all of it was read."])
    }

    @Test func `a WAV file whose header was not brought up to date is read whole, with a note`() throws {
        try studio.tones()
        try studio.edit("tones.wav", to: "stale.wav") { $0.set(4000, at: $0.dataChunk + 4) }
        let (samples, warnings) = try readAll(studio.url("stale.wav"))
        #expect(try samples == readAll(studio.url("tones.wav")).samples)
        #expect(warnings == ["The file is longer than its header says; all of it was read."])
    }

    @Test func `what stands behind a closed WAV file is no audio`() throws {
        try studio.tones()
        try studio.edit("tones.wav", to: "more.wav") { $0 += Data(repeating: 0x7f, count: 5000) }
        try studio.edit("tones.wav", to: "zeros.wav") { data in
            data.set(36, at: 4)
            data += Data(count: 5000)
        }
        for name in ["more.wav", "zeros.wav"] {
            let (samples, warnings) = try readAll(studio.url(name))
            #expect(try samples == readAll(studio.url("tones.wav")).samples)
            #expect(warnings == [])
        }
    }

    @Test func `lengths that wrapped at 4 GiB are unwrapped`() throws {
        try studio.tones(frames: 4410)
        try studio.transcode("tones.wav", "wide.wav", "-c:a pcm_f64le")
        let song = try Data(contentsOf: studio.url("wide.wav"))
        let start = song.dataChunk + 8
        let bytes = 4410 * 16
        let length = (1 << 32) + bytes
        try studio.edit("wide.wav", to: "huge.wav") { $0.set(UInt32(bytes), at: $0.dataChunk + 4) }
        let handle = try FileHandle(forWritingTo: studio.url("huge.wav"))
        // A sparse file: zeros but for its beginning and its end.
        try handle.seek(toOffset: UInt64(start + length - bytes))
        try handle.write(contentsOf: song.dropFirst(start))
        try handle.close()
        let reader = try AudioReader(studio.url("huge.wav"), sampleRate: 44100, channels: 2)
        var frames = 0
        var buffer = [Float](repeating: 0, count: 1 << 21)
        var last: [Float] = []
        while true {
            let count = try buffer.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
            if count == 0 { break }
            frames += count
            last = Array(buffer[..<(2 * count)])
        }
        #expect(frames == length / 16)
        #expect(try last.suffix(8820) == readAll(studio.url("tones.wav")).samples.suffix(8820))
        #expect(reader.warnings == ["The file is longer than its header can say (4 GiB); all of it was read."])
    }

    @Test(arguments: [true, false]) func `odd chunks before the data, with and without their byte of padding`(
        isPadded: Bool
    )
        throws
    {
        try studio.tones()
        try studio.edit("tones.wav", to: "odd.wav") { data in
            let chunk = Data("note".utf8) + Data([5, 0, 0, 0]) + Data("hello".utf8) + (isPadded ? Data([0]) : Data())
            data.insert(contentsOf: chunk, at: data.dataChunk)
        }
        let (samples, warnings) = try readAll(studio.url("odd.wav"))
        #expect(try samples == readAll(studio.url("tones.wav")).samples)
        #expect(warnings == [])
    }

    @Test func `an RF64 file that was never closed, and one that lies`() throws {
        try studio.tones()
        try studio.transcode("tones.wav", "long.wav", "-rf64 always")
        let original = try readAll(studio.url("tones.wav")).samples
        let place = try Data(contentsOf: studio.url("long.wav")).range(of: Data("ds64".utf8))!.upperBound
        for (size, words) in [(UInt64(0), "never closed"), (.max, ""), (1 << 62, "truncated or damaged")] {
            try studio.edit("long.wav", to: "edited.wav") { data in
                data.replaceSubrange(place + 12..<place + 20, with: withUnsafeBytes(of: size.littleEndian) { Data($0) })
            }
            let (samples, warnings) = try readAll(studio.url("edited.wav"))
            #expect(samples == original)
            #expect(words.isEmpty ? warnings == [] : warnings.count == 1 && warnings[0].contains(words), "\(warnings)")
        }
    }

    // MARK: - MPEG audio

    @Test func `MP3 in a WAV file is MP3`() throws {
        try studio.tones()
        try studio.transcode("tones.wav", "riff.wav", "-c:a libmp3lame")
        let (samples, warnings) = try readAll(studio.url("riff.wav"))
        #expect(try samples.count == studio.decodedByFFmpeg("riff.wav").count)
        #expect(try decibels(studio.decodedByFFmpeg("riff.wav"), against: samples) > 60)
        #expect(warnings == [])
        // And with LAME's info tag in it: then delay and padding are known.
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        let song = try Data(contentsOf: studio.url("song.mp3"))
        try studio.edit("riff.wav", to: "tagged.wav") { data in
            let start = data.dataChunk
            data = data.prefix(start + 8) + song
            data.set(UInt32(song.count), at: start + 4)
            data.set(UInt32(data.count - 8), at: 4)
        }
        let tagged = try readAll(studio.url("tagged.wav"))
        #expect(try tagged.samples == readAll(studio.url("song.mp3")).samples)
        #expect(tagged.warnings == [])
    }

    @Test func `zeros before an MP3 stream, however many`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        try studio.edit("song.mp3", to: "late.mp3") { $0 = Data(count: 3_000_000) + $0 }
        let (samples, warnings) = try readAll(studio.url("late.mp3"))
        #expect(try samples == readAll(studio.url("song.mp3")).samples)
        #expect(warnings == [])
    }

    @Test func `garbage inside an MP3 is silence and not noise`() throws {
        try studio.tones(frames: 176_400)
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        let peak = try readAll(studio.url("song.mp3")).samples.map(abs).max()!
        for seed in 1...12 as ClosedRange<UInt64> {
            try studio.edit("song.mp3", to: "damaged.mp3") { data in
                data.insert(contentsOf: noise(30_000, seed: seed), at: data.count / 4 + Int(seed) * 37)
            }
            let (samples, warnings) = try readAll(studio.url("damaged.mp3"))
            #expect(samples.map(abs).max()! <= peak * 1.1)
            #expect(samples.count > 2 * 170_000 && samples.count <= 2 * 176_400)
            #expect(warnings.count == 1 && warnings[0].contains("1 damaged place, at 0:0"), "\(warnings)")
        }
    }

    @Test(arguments: [["--freeformat", "-b", "200"], ["--freeformat", "-b", "400"]])
    func `a stream of free format is read, also behind garbage`(options: [String]) throws {
        try studio.tones()
        try studio.encode("tones.wav", "free.mp3", options)
        let (samples, warnings) = try readAll(studio.url("free.mp3"))
        try run("lame", "--quiet", "--decode", studio.path("free.mp3"), studio.path("decoded.wav"))
        #expect(samples.count == 2 * 100_017)
        #expect(try decibels(readAll(studio.url("decoded.wav")).samples, against: samples) > 70)
        #expect(warnings == [])
        try studio.edit("free.mp3", to: "damaged.mp3") { $0.insert(contentsOf: noise(9000, seed: 3), at: $0.count / 2) }
        let damaged = try readAll(studio.url("damaged.mp3"))
        #expect(damaged.samples.count > 2 * 95_000)
        #expect(damaged.warnings.count == 1)
    }

    @Test func `variable bitrate without a header has ffmpeg's length`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "bare.mp3", ["-V", "4", "-t"])
        let (samples, warnings) = try readAll(studio.url("bare.mp3"))
        #expect(try samples.count == studio.decodedByFFmpeg("bare.mp3").count)
        #expect(warnings == [])
    }

    @Test func `pictures of many megabytes, tags behind and a tag that lies about its length`() throws {
        try studio.tones()
        try studio.encode("tones.wav", "song.mp3", ["-b", "128"])
        let song = try Data(contentsOf: studio.url("song.mp3"))
        let original = try readAll(studio.url("song.mp3")).samples
        func tag(_ length: Int, claiming claimed: Int) -> Data {
            let size = (0..<4).reversed().map { UInt8(claimed >> (7 * $0) & 0x7f) }
            return Data("ID3".utf8) + Data([3, 0, 0] + size) + Data(repeating: 0xaa, count: length)
        }
        let apeFooter =
            Data("APETAGEX".utf8) + Data([0xd0, 7, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + Data(count: 8)
        let id3v1 = Data("TAG".utf8) + Data(count: 125)
        for bytes in [
            tag(20_000_000, claiming: 20_000_000) + song, song + apeFooter + id3v1,
            tag(1000, claiming: 100_000_000) + song,
        ] {
            try bytes.write(to: studio.url("tagged.mp3"))
            let (samples, warnings) = try readAll(studio.url("tagged.mp3"))
            #expect(samples == original)
            #expect(warnings == [])
        }
    }

    // MARK: - FLAC and Ogg

    @Test func `FLAC between ID3 tags`() throws {
        try studio.tones()
        try studio.convert("tones.wav", "a.flac", [])
        try studio.edit("a.flac", to: "tagged.flac") { data in
            data =
                Data("ID3".utf8) + Data([4, 0, 0, 0, 0, 2, 0]) + Data(repeating: 0xff, count: 256) + data
                + Data("TAG".utf8)
                + Data(repeating: 0xff, count: 125)
        }
        let (samples, warnings) = try readAll(studio.url("tagged.flac"))
        #expect(try samples == readAll(studio.url("tones.wav")).samples)
        #expect(warnings == [])
    }

    @Test func `a bad FLAC block costs one block, and what follows stays in its place`() throws {
        try studio.tones(frames: 176_400)
        try studio.convert("tones.wav", "a.flac", [])
        let original = try readAll(studio.url("tones.wav")).samples
        try studio.edit("a.flac", to: "flipped.flac") { $0[$0.count / 2] ^= 0x10 }
        let (samples, warnings) = try readAll(studio.url("flipped.flac"))
        #expect(samples.count == original.count)
        let wrong = samples.indices.filter { samples[$0] != original[$0] }
        #expect(!wrong.isEmpty && wrong.last! - wrong.first! < 2 * 4608)
        #expect(wrong.allSatisfy { samples[$0] == 0 })
        #expect(warnings.count == 1 && warnings[0].contains("1 damaged place, at 0:0"), "\(warnings)")
    }

    @Test(arguments: [("libvorbis", "ogg"), ("libopus", "opus"), ("flac", "oga")])
    func `a chain of Ogg streams is read to its last link`(codec: String, kind: String) throws {
        try studio.tones()
        try studio.tones("other.wav", frames: 60_000, rate: codec == "libopus" ? 48000 : 22050, channels: 1)
        try studio.transcode("tones.wav", "a.\(kind)", "-c:a \(codec) -f ogg")
        try studio.transcode("other.wav", "b.\(kind)", "-c:a \(codec) -f ogg -serial_offset 7")
        let first = try Data(contentsOf: studio.url("a.\(kind)"))
        let second = try Data(contentsOf: studio.url("b.\(kind)"))
        let (one, _) = try readAll(studio.url("a.\(kind)"))
        let (two, _) = try readAll(studio.url("b.\(kind)"))
        try (first + second + first).write(to: studio.url("chain"))
        let (samples, warnings) = try readAll(studio.url("chain"))
        #expect(samples.count == 2 * one.count + two.count)
        #expect(Array(samples.suffix(one.count - 2000)) == Array(one.suffix(one.count - 2000)))
        #expect(!warnings.contains { $0.contains("damaged") || $0.contains("cut off") }, "\(warnings)")
    }

    @Test func `an Ogg file without its end is read as far as it goes, and said to be cut off`() throws {
        try studio.tones(frames: 441_000)
        try studio.transcode("tones.wav", "a.ogg", "-c:a libvorbis")
        try studio.edit("a.ogg", to: "cut.ogg") { $0 = $0.prefix($0.count / 2) }
        let (samples, warnings) = try readAll(studio.url("cut.ogg"))
        #expect(try samples.count == studio.decodedByFFmpeg("cut.ogg").count)
        #expect(samples.count > 200_000)
        #expect(warnings.contains { $0.contains("no end mark") }, "\(warnings)")
        #expect(try readAll(studio.url("a.ogg")).warnings == [])
    }

    @Test func `a hole in an Ogg file is skipped and told`() throws {
        try studio.tones(frames: 441_000)
        try studio.transcode("tones.wav", "a.ogg", "-c:a libvorbis")
        try studio.edit("a.ogg", to: "holed.ogg") { $0.insert(contentsOf: noise(7000, seed: 9), at: $0.count / 2) }
        let (samples, warnings) = try readAll(studio.url("holed.ogg"))
        #expect(samples.count > 2 * 390_000)
        #expect(warnings.contains { $0.contains("damaged") }, "\(warnings)")
    }

    // MARK: - Odd signals

    @Test func `numbers beyond all measure stay numbers`() throws {
        // Found by the fuzzer: the resampler made infinity of them.
        try write([0.5, 3e38, -3e38, 3e38, 0.25, 1e10], to: studio.url("huge.wav"), .float32, sampleRate: 8000)
        let (samples, warnings) = try readAll(studio.url("huge.wav"))
        #expect(samples.allSatisfy { $0.isFinite })
        #expect(warnings == ["3 samples were not numbers (NaN or infinite) and were replaced by silence."])
    }

    @Test func `one sample, silence and a constant are tracks`() throws {
        for (name, samples) in [
            ("one", [Float](repeating: 0.5, count: 2)), ("silence", [Float](repeating: 0, count: 20_000)),
            ("constant", [Float](repeating: 0.25, count: 20_000)),
        ] {
            try write(samples, to: studio.url("\(name).wav"), .float32)
            #expect(try readAll(studio.url("\(name).wav")).samples == samples)
            try studio.transcode("\(name).wav", "\(name).flac", "")
            #expect(try readAll(studio.url("\(name).flac")).samples == samples)
        }
    }
}

private func noise(_ count: Int, seed: UInt64) -> Data {
    var state = seed &* 0x9e37_79b9_7f4a_7c15
    return Data(
        (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 40)
        })
}

extension Data {
    /// Where the `data` chunk of a WAV file starts.
    fileprivate var dataChunk: Int { range(of: Data("data".utf8))!.lowerBound }

    fileprivate mutating func set(_ value: UInt32, at offset: Int) {
        replaceSubrange(offset..<offset + 4, with: Swift.withUnsafeBytes(of: value.littleEndian) { Data($0) })
    }
}
