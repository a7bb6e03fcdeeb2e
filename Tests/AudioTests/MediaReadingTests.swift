import Audio
import Foundation
import Testing

/// What FFmpeg's libraries read: as many samples as `ffmpeg` gives, and the same ones.
struct MediaReadingTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test(arguments: [
        ("a.m4a", "-c:a alac"), ("a.caf", "-c:a alac"), ("b.caf", "-c:a pcm_s24le"), ("a.wv", ""), ("a.tta", ""),
        ("a.mka", "-c:a flac"), ("a.oga", "-c:a flac -f ogg"), ("a.mkv", "-c:a pcm_s16le"), ("a.mov", "-c:a pcm_s24le"),
        ("a.w64", ""), ("rf64.wav", "-rf64 always"), ("a.aiff", ""), ("a.au", ""), ("a.voc", "-c:a pcm_s16le"),
        ("a.avi", "-c:a pcm_s16le"), ("a.thd", "-c:a truehd -strict -2"), ("a.mlp", "-c:a mlp -strict -2"),
        ("a.aifc", "-c:a pcm_f32be -f aiff"), ("f64.wav", "-c:a pcm_f64le"), ("u8.wav", "-c:a pcm_u8"),
        ("s32.wav", "-c:a pcm_s32le"), ("a.nut", "-c:a pcm_s16le"), ("a.flac", "-sample_fmt s32"),
    ])
    func `lossless codecs are read bit by bit as ffmpeg does`(name: String, options: String) throws {
        try studio.tones()
        try studio.transcode("tones.wav", name, options)
        let (samples, warnings) = try readAll(studio.url(name))
        #expect(try samples == studio.decodedByFFmpeg(name))
        #expect(samples.count >= 2 * 100_017)
        #expect(warnings == [])
    }

    @Test(arguments: [
        ("a.m4a", "-c:a aac"), ("a.aac", "-c:a aac"), ("a.mp4", "-c:a aac -movflags faststart"), ("a.mov", "-c:a aac"),
        ("a.webm", "-c:a libopus"), ("b.webm", "-c:a libvorbis"), ("a.opus", "-c:a libopus"),
        ("a.ogg", "-c:a libvorbis"), ("a.mkv", "-c:a ac3"), ("b.mkv", "-c:a libmp3lame"), ("b.mp4", "-c:a libmp3lame"),
        ("a.wma", "-c:a wmav2"), ("b.wma", "-c:a wmav1"), ("a.ac3", "-c:a ac3"), ("a.eac3", "-c:a eac3"),
        ("a.ts", "-c:a aac"), ("b.ts", "-c:a ac3"), ("a.mpg", "-c:a mp2"), ("a.avi", "-c:a libmp3lame"),
        ("a.flv", "-c:a aac"),
        ("a.dts", "-c:a dca -strict -2"), ("adpcm.wav", "-c:a adpcm_ms"), ("ulaw.wav", "-c:a pcm_mulaw"),
        ("a.mp2", "-c:a mp2"), ("a.spx", "-c:a libspeex -ar 16000 -ac 1"), ("gsm.wav", "-c:a libgsm_ms -ar 8000 -ac 1"),
        ("a.m4b", "-c:a aac -f mp4"), ("a.3gp", "-c:a aac -f 3gp"), ("a.rm", "-c:a ac3 -f rm"),
    ])
    func `lossy codecs have ffmpeg's length and sound`(name: String, options: String) throws {
        try studio.tones()
        try studio.transcode("tones.wav", name, options)
        let (rate, channels) = try studio.format(name)
        let (samples, warnings) = try readAll(studio.url(name), sampleRate: rate, channels: channels)
        let theirs = try studio.decodedByFFmpeg(name)
        #expect(samples.count == theirs.count)
        #expect(decibels(theirs, against: samples) > 60)
        #expect(warnings == [])
    }

    @Test func `of a video the sound is read, and a cover is passed over`() throws {
        try studio.tones()
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "testsrc=s=64x64:d=2", "-i", studio.path("tones.wav"), "-c:v",
            "mpeg4", "-c:a", "aac", studio.path("video.mp4"))
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1",
            studio.path("cover.jpg"))
        try run(
            "ffmpeg", "-v", "quiet", "-i", studio.path("tones.wav"), "-i", studio.path("cover.jpg"), "-map", "0",
            "-map", "1",
            "-c:a", "aac", "-c:v", "copy", "-disposition:v", "attached_pic", studio.path("cover.m4a"))
        for name in ["video.mp4", "cover.m4a"] {
            let (samples, warnings) = try readAll(studio.url(name))
            let theirs = try studio.decodedByFFmpeg(name)
            #expect(samples.count == theirs.count)
            #expect(decibels(theirs, against: samples) > 60)
            #expect(warnings == [])
        }
    }

    @Test func `of several audio streams the default one is read, and that is said`() throws {
        try studio.tones("one.wav")
        try studio.tones("two.wav", frames: 70_000)
        try run(
            "ffmpeg", "-v", "quiet", "-i", studio.path("one.wav"), "-i", studio.path("two.wav"), "-map", "0", "-map",
            "1",
            "-c:a", "flac", "-disposition:a:0", "0", "-disposition:a:1", "default", "-metadata:s:a:1", "language=ger",
            studio.path("two.mka"))
        let (samples, warnings) = try readAll(studio.url("two.mka"))
        #expect(try samples == readAll(studio.url("two.wav")).samples)
        #expect(warnings == ["The file has 2 audio streams; number 2 (ger) was read, the default one."])
    }

    @Test func `a video without sound is called that`() throws {
        try run(
            "ffmpeg", "-v", "quiet", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "mpeg4",
            studio.path("silent.mkv"))
        let said = sentence { _ = try readAll(studio.url("silent.mkv")) }
        #expect(said?.contains("is a video without sound") == true, "\(said ?? "was read")")
    }

    @Test(arguments: [
        ("a.m4a", "-c:a aac -movflags faststart"), ("a.flac", ""), ("a.caf", "-c:a pcm_s16le"),
    ])
    func `a file that is cut off is read to its end, with a warning`(name: String, options: String) throws {
        try studio.tones(frames: 441_000)
        try studio.transcode("tones.wav", name, options)
        try studio.edit(name, to: "cut") { $0 = $0.prefix($0.count / 2) }
        let (samples, warnings) = try readAll(studio.url("cut"))
        #expect(samples.count > 300_000 && samples.count < 600_000)
        #expect(warnings.contains { $0.contains("announces 0:10.0 of audio and ends after 0:0") }, "\(warnings)")
    }

    @Test func `two readers of one file give the same samples`() throws {
        try studio.tones()
        try studio.transcode("tones.wav", "a.m4a", "-c:a aac")
        #expect(try readAll(studio.url("a.m4a")).samples == readAll(studio.url("a.m4a")).samples)
    }
}

extension Studio {
    /// `input` encoded by ffmpeg with `options` (divided at spaces).
    func transcode(_ input: String, _ output: String, _ options: String) throws {
        try run(
            ["ffmpeg", "-v", "quiet", "-i", path(input)] + options.split(separator: " ").map(String.init) + [
                path(output)
            ])
    }

    /// Rate and channels of the first audio stream, says ffprobe.
    func format(_ name: String) throws -> (rate: Int, channels: Int) {
        let data = try run(
            "ffprobe", "-v", "quiet", "-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels", "-of",
            "default=nw=1", path(name))
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        func value(_ key: String) -> Int {
            lines.first { $0.hasPrefix(key + "=") }.flatMap { Int($0.dropFirst(key.count + 1)) } ?? 0
        }
        return (value("sample_rate"), value("channels"))
    }
}
