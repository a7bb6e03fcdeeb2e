import Audio
import Foundation
import Testing

struct SoundFileReadingTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test(arguments: [
        ("a.wav", ["-b", "16"]), ("a.wav", ["-b", "24"]), ("a.wav", ["-b", "32"]),
        ("a.wav", ["-b", "32", "-e", "float"]),
        ("a.flac", ["-b", "16"]), ("a.flac", ["-b", "24"]), ("a.aiff", ["-b", "16"]), ("a.au", ["-b", "16"]),
    ])
    func `lossless formats give the original's samples`(name: String, options: [String]) throws {
        let original = try readAll(studio.tones()).samples
        try studio.convert("tones.wav", name, options)
        let (samples, warnings) = try readAll(studio.url(name))
        #expect(samples == original)
        #expect(warnings == [])
    }

    @Test func `Ogg Vorbis gives what ffmpeg decodes`() throws {
        try studio.tones()
        try studio.convert("tones.wav", "a.ogg", ["-C", "6"])
        let samples = try readAll(studio.url("a.ogg")).samples
        #expect(samples.count == 2 * 100_017)
        #expect(try decibels(studio.decodedByFFmpeg("a.ogg"), against: samples) > 80)
    }

    @Test func `a mono file is repeated on both channels`() throws {
        let mono = try readAll(studio.tones(channels: 1), channels: 1).samples
        let both = try readAll(studio.url("tones.wav")).samples
        #expect(both == mono.flatMap { [$0, $0] })
    }

    @Test func `two channels for a model of four are refused`() throws {
        try studio.tones()
        let said = sentence { _ = try readAll(studio.url("tones.wav"), channels: 4) }
        #expect(said?.contains("has 2 channels, and the model needs 4") == true)
    }

    @Test(arguments: [8000, 11025, 22050, 32000, 48000, 88200, 96000, 192_000])
    func `rates are converted without audible error and without delay`(rate: Int) throws {
        let frequency = 1234.5
        let count = 2 * rate + 1
        let tone = (0..<count).map { Float(0.5 * sin(2 * .pi * frequency * Double($0) / Double(rate))) }
        try write(tone, to: studio.url("tone.wav"), .float32, channels: 1, sampleRate: rate)
        let samples = try readAll(studio.url("tone.wav"), channels: 1).samples
        #expect(samples.count == count * 44100 / rate)
        let ideal = samples.indices.map { Float(0.5 * sin(2 * .pi * frequency * Double($0) / 44100)) }
        let middle = 4410..<(samples.count - 4410)
        #expect(decibels(ideal[middle], against: samples[middle]) > 115)
    }

    @Test func `what the new rate cannot carry is removed instead of folded back`() throws {
        let tone = (0..<96000).map { Float(0.5 * sin(2 * .pi * 30000 * Double($0) / 96000)) }
        try write(tone, to: studio.url("high.wav"), .float32, channels: 1, sampleRate: 96000)
        let samples = try readAll(studio.url("high.wav"), channels: 1).samples
        #expect(samples[4410..<39690].allSatisfy { abs($0) < 1e-5 })
    }

    @Test(arguments: [1, 2, 5]) func `a few samples at another rate become at least one`(count: Int) throws {
        try write(
            [Float](repeating: 0.25, count: count), to: studio.url("short.wav"), .float32, channels: 1,
            sampleRate: 96000)
        #expect(try readAll(studio.url("short.wav"), channels: 1).samples.count == max(1, count * 44100 / 96000))
    }

    @Test func `samples that are no numbers become silence, with a warning`() throws {
        try studio.tones(frames: 1000)
        try studio.convert("tones.wav", "float.wav", ["-b", "32", "-e", "float"])
        try studio.edit("float.wav", to: "nan.wav") { data in
            data.replaceSubrange(data.count - 8..<data.count, with: [0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f])
        }
        let (samples, warnings) = try readAll(studio.url("nan.wav"))
        #expect(samples.count == 2000)
        #expect(samples.suffix(2) == [0, 0])
        #expect(warnings == ["2 samples were not numbers (NaN or infinite) and were replaced by silence."])
    }

    @Test func `a FLAC file that is cut off is read to its end, with a warning`() throws {
        try studio.tones(frames: 441_000)
        try studio.convert("tones.wav", "a.flac", [])
        try studio.edit("a.flac", to: "cut.flac") { $0 = $0.prefix($0.count / 2) }
        let (samples, warnings) = try readAll(studio.url("cut.flac"))
        #expect(samples.count > 300_000)
        #expect(try decibels(readAll(studio.url("tones.wav")).samples, against: samples) > 100)
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("truncated or damaged: it announces 0:10.0") == true, "\(warnings)")
    }
}

extension SoundFileReadingTests {
    @Test(arguments: [["-b", "16"], ["-b", "24"], ["-b", "32", "-e", "float"]])
    func `a WAV file that is cut off is read to its end, with a warning`(encoding: [String]) throws {
        try studio.tones(frames: 441_000)
        try studio.convert("tones.wav", "a.wav", encoding)
        try studio.edit("a.wav", to: "cut.wav") { $0 = $0.prefix($0.count * 2 / 5) }
        #expect(try readAll(studio.url("a.wav")).warnings == [])
        let (samples, warnings) = try readAll(studio.url("cut.wav"))
        #expect(abs(samples.count / 2 - 176_400) < 50)
        #expect(
            warnings == ["The file is truncated or damaged: it announces 0:10.0 of audio and ends after 0:04.0."])
    }

    @Test(arguments: [0x7fff_f000, 0x7fff_ffff, 0xffff_ffff] as [UInt32])
    func `a WAV file that was written to a pipe and so does not know its length is read without a warning`(
        size: UInt32
    ) throws {
        try studio.tones(frames: 4410)
        try studio.edit("tones.wav", to: "piped.wav") { data in
            let place = data.range(of: Data("data".utf8))!.upperBound
            data.replaceSubrange(place..<place + 4, with: withUnsafeBytes(of: size.littleEndian) { Data($0) })
        }
        let (samples, warnings) = try readAll(studio.url("piped.wav"))
        #expect(try samples == readAll(studio.url("tones.wav")).samples)
        #expect(warnings == [])
    }
}

extension Studio {
    /// `input` converted by sox.
    func convert(_ input: String, _ output: String, _ options: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sox", "-D", path(input)] + options + [path(output)]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
