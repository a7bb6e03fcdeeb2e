import Audio
import Foundation
import Testing

/// More channels than the model takes.
struct ChannelTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    /// A tone for each channel, as sox and its WAV header order them: FL FR FC LFE BL BR.
    private func six() throws {
        try run(
            "sox", "-R", "-n", "-r", "44100", "-c", "6", "-b", "16", studio.path("six.wav"), "synth", "1", "sine",
            "200", "sine",
            "300", "sine", "400", "sine", "50", "sine", "500", "sine", "600", "vol", "0.3")
    }

    @Test func `six channels are mixed down by the standard coefficients, and that is said`() throws {
        try six()
        let six = try studio.decodedByFFmpeg("six.wav")
        let (samples, warnings) = try readAll(studio.url("six.wav"))
        let half = Float(0.5).squareRoot()
        let ideal = stride(from: 0, to: six.count, by: 6).flatMap { frame -> [Float] in
            let centre = six[frame + 2] * half
            return [six[frame] + centre + six[frame + 4] * half, six[frame + 1] + centre + six[frame + 5] * half]
        }
        #expect(samples.count == ideal.count)
        #expect(decibels(ideal, against: samples) > 120)
        let theirs = try floats(
            run("ffmpeg", "-v", "quiet", "-i", studio.path("six.wav"), "-ac", "2", "-f", "f32le", "-"))
        #expect(decibels(theirs, against: samples) > 90)
        #expect(
            warnings == [
                "The track has 6 channels (5.1); they were mixed down to stereo by the standard coefficients, without the "
                    + "low-frequency effects channel."
            ])
    }

    @Test(arguments: [
        "-c:a libvorbis -q:a 8 -f ogg", "-c:a flac -f flac", "-c:a libopus -b:a 510k -f ogg",
        "-c:a aac -b:a 512k -f mp4",
    ])
    func `channels are known by their names, whatever their order in the file`(options: String) throws {
        try six()
        try studio.transcode("six.wav", "six", options)
        let theirs = try floats(run("ffmpeg", "-v", "quiet", "-i", studio.path("six"), "-ac", "2", "-f", "f32le", "-"))
        let rate = try studio.format("six").rate
        let (samples, warnings) = try readAll(studio.url("six"), sampleRate: rate)
        #expect(samples.count == theirs.count)
        #expect(decibels(theirs, against: samples) > 60)
        #expect(warnings.count == 1)
    }

    @Test(arguments: [3, 4, 5, 7, 8]) func `other counts are mixed down as libswresample does it`(channels: Int) throws
    {
        let tones = (0..<(4000 * channels)).map { index in
            Float(0.2 * sin(Double(index / channels) * 0.01 * Double(index % channels + 1)))
        }
        try write(tones, to: studio.url("many.wav"), .float32, channels: channels)
        let theirs = try floats(
            run("ffmpeg", "-v", "quiet", "-i", studio.path("many.wav"), "-ac", "2", "-f", "f32le", "-"))
        let samples = try readAll(studio.url("many.wav")).samples
        #expect(decibels(theirs, against: samples) > 100)
        let one = try readAll(studio.url("many.wav"), channels: 1).samples
        #expect(
            decibels(
                stride(from: 0, to: samples.count, by: 2).map { (samples[$0] + samples[$0 + 1]) / 2 }, against: one)
                > 100)
    }

    @Test func `channels without places are averaged`() throws {
        let tones = (0..<(1000 * 20)).map { Float($0 % 20) / 64 }
        try write(tones, to: studio.url("twenty.wav"), .float32, channels: 20)
        let (samples, warnings) = try readAll(studio.url("twenty.wav"))
        #expect(samples.allSatisfy { abs($0 - 9.5 / 64) < 1e-6 })
        #expect(warnings == ["The track has 20 channels whose places are not known; their mean was taken."])
    }

    @Test func `a song that is only in the centre is heard on both sides`() throws {
        let frames = (0..<3000).flatMap { frame -> [Float] in [0, 0, Float(0.5 * sin(Double(frame) * 0.05)), 0, 0, 0] }
        try write(frames, to: studio.url("centre.wav"), .float32, channels: 6)
        let samples = try readAll(studio.url("centre.wav")).samples
        #expect(samples.map(abs).max()! > 0.3)
        #expect(stride(from: 0, to: samples.count, by: 2).allSatisfy { samples[$0] == samples[$0 + 1] })
    }

    @Test func `other channels can be chosen, by number and by name`() throws {
        try six()
        let six = try studio.decodedByFFmpeg("six.wav")
        func column(_ channel: Int) -> [Float] { stride(from: channel, to: six.count, by: 6).map { six[$0] } }
        func read(_ text: String) throws -> [Float] {
            let selection = try #require(ChannelSelection(text))
            return try readAll(studio.url("six.wav"), selection: selection).samples
        }
        #expect(try read("1,2") == zip(column(0), column(1)).flatMap { [$0, $1] })
        #expect(try read("FC") == column(2).flatMap { [$0, $0] })
        #expect(try read("br,3") == zip(column(5), column(2)).flatMap { [$0, $1] })
        #expect(try read("all") == readAll(studio.url("six.wav")).samples)
        #expect(ChannelSelection("1,2,3") == nil)
        #expect(ChannelSelection("0") == nil)
        #expect(ChannelSelection("") == nil)
        #expect(ChannelSelection("nose") == nil)
        #expect(sentence { _ = try read("7") }?.hasSuffix("six.wav has no channel 7; its channels are 5.1.") == true)
        #expect(sentence { _ = try read("SL") }?.hasSuffix("has no channel SL; its channels are 5.1.") == true)
    }
}
