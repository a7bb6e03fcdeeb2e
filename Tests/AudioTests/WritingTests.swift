import Audio
import Foundation
import SeparationChoices
import Testing

struct WritingTests {
    let studio: Studio
    /// Values at, around and beyond the limits of the integer formats.
    static let edges: [Float] = [
        0, 1, -1, 0.5, -0.5, 1.5, -1.5, 0.999_99, -0.999_99, 1e-6, -1e-6, 3.05e-5, -3.05e-5, 0.1, -0.1, .infinity,
        -.infinity, .nan,
    ]

    init() throws { studio = try Studio() }

    @Test func `integers are limited, scaled by the largest positive value and cut off towards zero`() throws {
        try write(Self.edges, to: studio.url("16.wav"), .wav16)
        try write(Self.edges, to: studio.url("24.wav"), .wav24)
        try write(Self.edges, to: studio.url("float.wav"), .float32)
        let limited = Self.edges.map { $0.isNaN ? 0 : max(-1, min(1, $0)) }
        let shorts = try run("ffmpeg", "-v", "quiet", "-i", studio.path("16.wav"), "-f", "s16le", "-")
        #expect(shorts.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) } == limited.map { Int16($0 * 32767) })
        let longs = try run("ffmpeg", "-v", "quiet", "-i", studio.path("24.wav"), "-f", "s32le", "-")
        #expect(
            longs.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) } == limited.map { Int32($0 * 8_388_607) << 8 }
        )
        // Floats have room beyond full scale: every number is kept.
        #expect(try studio.decodedByFFmpeg("float.wav") == Self.edges.map { $0.isFinite ? $0 : 0 })
    }

    @Test(arguments: [
        (AudioFormat.wav16, 80.0), (.wav24, 128), (.float32, 300), (.flac(bits: 16), 80), (.flac(bits: 24), 128),
    ])
    func `lossless formats come back as they were, for us and for ffmpeg`(format: AudioFormat, floor: Double) throws {
        let samples = tones(frames: 70_001)
        let result = try write(samples, to: studio.url("a"), format)
        #expect(result.frames == 70_001)
        #expect(result.peak == samples.map(abs).max())
        let back = try readAll(studio.url("a")).samples
        #expect(back.count == samples.count)
        #expect(decibels(samples, against: back) > floor)
        #expect(try studio.decodedByFFmpeg("a") == back)
    }

    @Test(arguments: [(320, 2), (128, 7)], [1, 2]) func `an MP3 has exactly the frames written, in place`(
        quality: (bitrate: Int, preset: Int), channels: Int
    ) throws {
        let samples = tones(frames: 70_001, channels: channels)
        try write(
            samples, to: studio.url("a.mp3"), .mp3(bitrate: quality.bitrate, preset: quality.preset), channels: channels
        )
        let (back, warnings) = try readAll(studio.url("a.mp3"), channels: channels)
        #expect(back.count == samples.count)
        #expect(warnings == [])
        #expect(decibels(samples, against: back) > 25)
        #expect(try studio.decodedByFFmpeg("a.mp3").count == samples.count)
        let bits = Double(try Data(contentsOf: studio.url("a.mp3")).count * 8)
        #expect(abs(bits / (70_001 / 44100) / Double(quality.bitrate * 1000) - 1) < 0.05)
    }

    @Test func `clip modes do what the reference does`() throws {
        let loud: [Float] = [0.5, -2, 1.5, 0.25]
        let quiet: [Float] = [0.5, -0.9, 0.25, 0.1]
        func written(_ samples: [Float], _ mode: ClipMode) throws -> [Float] {
            let result = try write(samples, to: studio.url("a.wav"), .float32, clipMode: mode)
            #expect(result.peak == samples.map(abs).max())
            return try readAll(studio.url("a.wav")).samples
        }
        #expect(try written(loud, .rescale) == loud.map { $0 / (Float(1.01) * 2) })
        #expect(try written(quiet, .rescale) == quiet)
        #expect(try written([1, -1, 0, 0], .rescale) == [1, -1, 0, 0].map { $0 / Float(1.01) })
        #expect(try written(loud, .clamp) == [0.5, -0.99, 0.99, 0.25])
        #expect(try written(loud, .none) == loud)
    }

    @Test func `rescaling works across many blocks`() throws {
        let samples = tones(frames: 100_000).map { $0 * 3 }
        try write(samples, to: studio.url("a.flac"), .flac(bits: 24), clipMode: .rescale)
        let back = try readAll(studio.url("a.flac")).samples
        let divisor = 1.01 * samples.map(abs).max()!
        #expect(decibels(samples.map { $0 / divisor }, against: back) > 120)
    }

    @Test func `the same samples give the same bytes`() throws {
        for format in StemFormat.allCases.map({ AudioFormat($0, bitrate: 192, preset: 5) }) {
            let rate = format.sampleRate(for: 44100)
            try write(tones(frames: 5000), to: studio.url("a"), format, sampleRate: rate)
            let first = try Data(contentsOf: studio.url("a"))
            try write(tones(frames: 5000), to: studio.url("a"), format, sampleRate: rate)
            #expect(try Data(contentsOf: studio.url("a")) == first)
        }
    }

    @Test func `a track without samples is still a file`() throws {
        for format in StemFormat.allCases.map({ AudioFormat($0) }) where format.name != .opus {
            #expect(try write([], to: studio.url("a"), format, clipMode: .rescale).frames == 0)
        }
    }

    @Test(arguments: ClipMode.allCases)
    func `nothing has the name before it is complete, and nothing is left of what was given up`(
        mode: ClipMode
    ) throws {
        for format in [AudioFormat.wav16, .flac(bits: 16), .mp3(bitrate: 192, preset: 7), .m4a(bitrate: 96)] {
            let description = AudioDescription(format: format, sampleRate: 44100, channels: 2, clipMode: mode)
            var writer: AudioWriter? = try AudioWriter(studio.url("a"), description)
            try tones(frames: 50_000).withUnsafeBufferPointer { try writer?.write($0) }
            #expect(!FileManager.default.fileExists(atPath: studio.path("a")))
            writer?.cancel()
            #expect(try contents() == [])
            writer = try AudioWriter(studio.url("a"), description)
            writer = nil
            #expect(try contents() == [])
        }
    }

    @Test func `a long encoding can be cancelled`() throws {
        let description = AudioDescription(format: .wav16, sampleRate: 44100, channels: 2)
        var writer = try AudioWriter(studio.url("b"), description)
        try tones(frames: 50_000).withUnsafeBufferPointer { try writer.write($0) }
        try writer.complete()
        writer = try AudioWriter(studio.url("a"), description)
        try tones(frames: 50_000).withUnsafeBufferPointer { try writer.write($0) }
        #expect(throws: CancellationError.self) { try writer.finish(isCancelled: { true }) }
        writer.cancel()
        #expect(try contents() == [])
    }

    @Test func `what cannot be written is refused with a sentence`() throws {
        func refusal(_ format: AudioFormat, _ path: String = "a", channels: Int = 2) -> String? {
            sentence { try write([0, 0], to: studio.url(path), format, channels: channels) }
        }
        for format in [AudioFormat.wav16, .mp3(bitrate: 128, preset: 2)] {
            #expect(
                refusal(format, "no/such/a.wav")
                    == "\(studio.path("no/such/a.wav")) cannot be written: No such file or directory.")
        }
        #expect(refusal(.mp3(bitrate: 999, preset: 2)) == "An MP3 bitrate is between 8 and 320 kbit/s; 999 is not.")
        #expect(
            refusal(.mp3(bitrate: 320, preset: 9)) == "An MP3 preset is between 2 (best) and 7 (fastest); 9 is not.")
        #expect(refusal(.flac(bits: 20)) == "FLAC is written with 16 or 24 bits a sample, not with 20.")
        #expect(
            refusal(.mp3(bitrate: 320, preset: 2), channels: 6)
                == "An MP3 has one or two channels, not 6; choose WAV or FLAC.")
        #expect(try contents() == [])
    }

    private func contents() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: studio.directory.path)
    }

    private func tones(frames: Int, channels: Int = 2) -> [Float] {
        (0..<frames * channels).map { index in
            let time = Double(index / channels) / 44100
            let pitch = index % channels == 0 ? 440.0 : 660
            return Float(0.4 * sin(2 * .pi * pitch * time) + 0.2 * sin(2 * .pi * 3.1 * pitch * time))
        }
    }
}
