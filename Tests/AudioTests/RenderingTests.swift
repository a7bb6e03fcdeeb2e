import Audio
import Foundation
import Pacing
import TestSupport
import Testing

/// Tracks decoded, mixed and encoded while they are sent: every part of the answer is the part of one whole.
struct RenderingTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    /// A file that gives fewer bytes than fit now and then, as a network does, and notes what was read of it.
    final class Pieces: AudioBytes {
        let path = "the stem"
        private let data: Data
        private var numbers = SeededGenerator(seed: 3)
        private(set) var bytesRead = 0
        var size: Int { data.count }

        init(_ url: URL) throws { data = try Data(contentsOf: url) }

        func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
            guard offset < data.count else { return 0 }
            let count = min(target.count, data.count - offset, Int.random(in: 1...5000, using: &numbers))
            data[offset..<(offset + count)].withUnsafeBytes { target.copyMemory(from: $0) }
            bytesRead += count
            return count
        }
    }

    static func render(_ rendering: Rendering) throws -> Data {
        var data = Data()
        while let piece = try rendering.next() { data.append(contentsOf: piece) }
        return data
    }

    static func shorts(_ wav: Data) -> [Int16] {
        wav.dropFirst(44).withUnsafeBytes { bytes in
            (0..<(bytes.count / 2)).map {
                Int16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * $0, as: Int16.self))
            }
        }
    }

    private func wave(_ frames: Range<Int>, rate: Int = 44100) -> Rendering.Shape {
        Rendering.Shape(format: .wav16, sampleRate: rate, frames: frames)
    }

    @Test(arguments: [AudioFormat.flac(bits: 16), .wav16, .wav24, .float32, .flac(bits: 24)])
    func `any range of a stem as WAV is that range of the whole, whatever it is stored as`(format: AudioFormat) throws {
        let frames = 200_003
        try studio.tones(frames: frames)
        let samples = try readAll(studio.url("tones.wav")).samples
        let stored = studio.url("stem")
        try write(samples, to: stored, format, quantisation: .exact)
        let shape = wave(0..<frames)
        let whole = try Self.render(Rendering([.init(Pieces(stored))], as: shape))
        #expect(whole.count == shape.wave.size)
        try whole.write(to: studio.url("whole.wav"))
        // What another program reads of it are the samples of the stem, to the bit.
        #expect(try studio.decodedByFFmpeg("whole.wav") == samples)
        var numbers = SeededGenerator(seed: 7)
        var ranges = [0..<1, 43..<45, 44..<48, 0..<44, 46..<51, whole.count - 1..<whole.count]
        for _ in 0..<25 {
            let start = Int.random(in: 0..<whole.count, using: &numbers)
            ranges.append(start..<Int.random(in: start + 1...min(whole.count, start + 60_000), using: &numbers))
        }
        for range in ranges {
            var part = shape
            part.part = range
            #expect(try Self.render(Rendering([.init(Pieces(stored))], as: part)) == whole[range], "\(range)")
        }
    }

    @Test func `going to the end of a long stem does not read what is before`() throws {
        let frames = 44100 * 120
        try studio.tones(frames: frames)
        let stored = studio.url("stem.flac")
        try run("sox", studio.path("tones.wav"), stored.path)
        let bytes = try Pieces(stored)
        var shape = wave(0..<frames)
        shape.part = shape.wave.size - 400..<shape.wave.size
        let end = try Self.render(Rendering([.init(bytes)], as: shape))
        #expect(end.count == 400)
        let last = try readAll(studio.url("tones.wav")).samples.suffix(200).map { Int16($0 * 32768) }
        #expect(Self.shorts(Data(count: 44) + end) == last)
        #expect(bytes.bytesRead < bytes.size / 4, "\(bytes.bytesRead) of \(bytes.size) bytes")
    }

    @Test(arguments: [
        AudioFormat.mp3(bitrate: 320, preset: 2), .m4a(bitrate: 256), .vorbis(bitrate: 256), .opus(bitrate: 256),
    ])
    func `lossy stems have exactly their frames, and ranges of the same samples`(format: AudioFormat) throws {
        let rate = format.sampleRate(for: 44100)
        try studio.tones(frames: 60_007, rate: rate)
        let samples = try readAll(studio.url("tones.wav"), sampleRate: rate).samples
        try write(samples, to: studio.url("stem"), format, sampleRate: rate)
        let shape = wave(0..<60_007, rate: rate)
        let whole = try Self.render(Rendering([.init(Pieces(studio.url("stem")))], as: shape))
        #expect(whole.count == 44 + 60_007 * 4)
        #expect(decibels(samples, against: Self.shorts(whole).map { Float($0) / 32768 }) > 15)
        var part = shape
        part.part = 100_001..<140_000
        #expect(try Self.render(Rendering([.init(Pieces(studio.url("stem")))], as: part)) == whole[100_001..<140_000])
    }

    @Test func `FLAC and MP3 made in a stream are whole files for others`() throws {
        try studio.tones(frames: 100_017)
        let samples = try readAll(studio.url("tones.wav")).samples
        try run("sox", studio.path("tones.wav"), studio.path("stem.flac"))
        for (name, format) in [("out.flac", AudioFormat.flac(bits: 16)), ("out.mp3", .mp3(bitrate: 320, preset: 2))] {
            let shape = Rendering.Shape(format: format, sampleRate: 44100, frames: 0..<100_017)
            try Self.render(Rendering([.init(Pieces(studio.url("stem.flac")))], as: shape)).write(to: studio.url(name))
        }
        #expect(try studio.decodedByFFmpeg("out.flac") == samples)
        #expect(try String(decoding: run("soxi", "-s", studio.path("out.flac")), as: UTF8.self) == "100017\n")
        try run("flac", "-t", "-s", studio.path("out.flac"))
        let decoded = try studio.decodedByFFmpeg("out.mp3")
        #expect(decoded.count == samples.count)
        #expect(decibels(samples, against: decoded) > 20)
        #expect(try readAll(studio.url("out.mp3")).samples.count == samples.count)
    }

    /// LAME's delay and padding are not part of the track, whatever is left of its last frame.
    @Test(arguments: [44100, 48000, 22050], [575, 576, 577, 1151, 1152, 1153, 20_000, 20_161, 20_736])
    func `an MP3 made in a stream has exactly its frames, in place`(rate: Int, frames: Int) throws {
        try studio.tones(frames: 30_000, rate: rate)
        let samples = try readAll(studio.url("tones.wav"), sampleRate: rate).samples
        let shape = Rendering.Shape(format: .mp3(bitrate: 160, preset: 2), sampleRate: rate, frames: 0..<frames)
        try Self.render(Rendering([.init(Pieces(studio.url("tones.wav")))], as: shape)).write(to: studio.url("out.mp3"))
        let (ours, warnings) = try readAll(studio.url("out.mp3"), sampleRate: rate)
        #expect(warnings == [] && ours.count == 2 * frames)
        let theirs = try studio.decodedByFFmpeg("out.mp3")
        #expect(theirs.count == 2 * frames)
        if frames > 10_000 { #expect(decibels(samples[..<(2 * frames)], against: theirs) > 15) }
    }

    @Test func `a mix is the sum of the decoded stems within one step, and is limited`() throws {
        let frames = 70_001
        var tracks: [[Float]] = []
        for (index, format) in [AudioFormat.flac(bits: 16), .wav16, .flac(bits: 24), .mp3(bitrate: 320, preset: 2)]
            .enumerated()
        {
            try run(
                "sox", "-R", "-r", "44100", "-n", "-c", "2", studio.path("\(index).wav"), "synth", "\(frames)s", "sine",
                "\(200 * (index + 1))", "sine", "mix", "\(301 * (index + 1))", "gain", "-6")
            try write(
                try readAll(studio.url("\(index).wav")).samples, to: studio.url("stem\(index)"), format,
                quantisation: .exact)
            tracks.append(try readAll(studio.url("stem\(index)")).samples)
        }
        let gains = [
            TrackGain(gain: 1, pan: 0), TrackGain(gain: 0.5, pan: -1), TrackGain(gain: 2.25, pan: 0.3),
            TrackGain(gain: 0, pan: 1),
        ]
        #expect(gains[1] == TrackGain(gain: 0.5, pan: -1) && gains[1].left == 0.5 && gains[1].right == 0)
        #expect(abs(gains[2].left - 2.25 * 0.7) < 1e-6 && gains[2].right == 2.25)
        let region = 12_345..<60_000
        let expected = (region.lowerBound * 2..<region.upperBound * 2).map { index in
            var sum = 0.0
            for (track, gain) in zip(tracks, gains) {
                sum += Double(track[index]) * Double(index % 2 == 0 ? gain.left : gain.right)
            }
            return Int((max(-32768, min(32767, sum * 32768))).rounded())
        }
        #expect(expected.contains(32767), "nothing is limited in this test")
        func mix(_ format: AudioFormat) throws -> Data {
            try Self.render(
                Rendering(
                    try gains.enumerated().map { .init(try Pieces(studio.url("stem\($0)")), gain: $1) },
                    as: Rendering.Shape(format: format, sampleRate: 44100, frames: region)))
        }
        let wav = try mix(.wav16)
        #expect(zip(Self.shorts(wav), expected).allSatisfy { abs(Int($0) - $1) <= 1 })
        #expect(Self.shorts(wav).count == expected.count)
        try mix(.flac(bits: 16)).write(to: studio.url("mix.flac"))
        let flac = try run("ffmpeg", "-v", "quiet", "-i", studio.path("mix.flac"), "-f", "s16le", "-")
        #expect(Data(wav.dropFirst(44)) == flac)
    }

    @Test func `a track that ends early is followed by silence`() throws {
        try studio.tones("short.wav", frames: 1000)
        let wav = try Self.render(Rendering([.init(Pieces(studio.url("short.wav")))], as: wave(500..<3000)))
        let samples = Self.shorts(wav)
        #expect(samples.count == 5000)
        #expect(samples[..<1000].contains { $0 != 0 } && samples[1000...].allSatisfy { $0 == 0 })
    }

    @Test func `a WAV beyond 4 GB says its length to others`() throws {
        let frames = 1_200_000_000
        let layout = WaveLayout(frames: frames, sampleRate: 192_000, channels: 2)
        let url = studio.url("huge.wav")
        try Data(layout.header).write(to: url)
        try #require(truncate(url.path, off_t(layout.size)) == 0)
        let seconds = try run(
            "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", url.path)
        #expect(Double(String(decoding: seconds, as: UTF8.self).trimmingCharacters(in: .newlines)) == 6250)
        #expect(layout.frames(in: layout.size - 4..<layout.size) == frames - 1..<frames)
    }
}
