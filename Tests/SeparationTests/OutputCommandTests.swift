import Foundation
import TestSupport
import Testing

/// What is said on the command line about the files, and from where a track comes.
struct OutputCommandTests {
    let bench: Bench

    init() throws { bench = try Bench() }

    /// What ffprobe says of a file's only stream.
    private func stream(_ name: String) async throws -> String {
        try await Program.run([
            "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "csv=p=0",
            bench.studio.url(name).path,
        ]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func `--keep-rate keeps the track's rate, length and bits`() async throws {
        try writeTrack(
            noise(frames: 24_001, channels: 2), to: bench.studio.url("high.wav"), sampleRate: 12_000, format: .wav24)
        let run = try await bench.msaas("-n", "four", "--keep-rate", "high.wav")
        #expect(run.code == 0, "\(run.errors)")
        for stem in ["bass", "drums", "other", "vocals"] {
            let file = "separated/four/high/\(stem).wav"
            #expect(try await stream(file) == "pcm_s24le,12000,2")
            #expect(try readTrack(bench.studio.url(file), sampleRate: 12_000).map(\.count) == [24_001, 24_001])
        }
        let plain = try await bench.msaas("-n", "four", "-o", "plain", "high.wav")
        #expect(plain.code == 0, "\(plain.errors)")
        #expect(try await stream("plain/four/high/bass.wav") == "pcm_s16le,2000,2")
    }

    @Test func `--sum-exact gives stems that add up to the track`() async throws {
        try writeTrack(
            noise(frames: 5000, channels: 2, level: 0.6), to: bench.studio.url("a.wav"), sampleRate: 2000,
            format: .wav16)
        let run = try await bench.msaas("-n", "four", "--sum-exact", "a.wav")
        #expect(run.code == 0, "\(run.errors)")
        let original = try readTrack(bench.studio.url("a.wav"), sampleRate: 2000)
        let stems = try ["bass", "drums", "other", "vocals"].map {
            try readTrack(bench.studio.url("separated/four/a/\($0).wav"), sampleRate: 2000)
        }
        for channel in 0..<2 {
            let sums = original[channel].indices.map { frame in stems.reduce(Float(0)) { $0 + $1[channel][frame] } }
            #expect(sums == original[channel])
        }
        let lossy = try await bench.msaas("-n", "four", "--sum-exact", "--mp3", "-o", "lossy", "a.wav")
        #expect(lossy.code == 1)
        #expect(lossy.errors.contains("need WAV or FLAC"), "\(lossy.errors)")
        #expect(try bench.files("lossy") == [])
    }

    @Test(arguments: [
        ("{stem}.flac", "flac,2000,2"), ("{stem}.MP3", "mp3,8000,2"), ("{track}/{stem}.opus", "opus,48000,2"),
        ("{stem}.m4a", "aac,8000,2"), ("{stem}.ogg", "vorbis,8000,2"), ("{stem}.{ext}", "pcm_s16le,2000,2"),
    ])
    func `the ending of --filename is the format`(template: String, codec: String) async throws {
        try bench.track("a.wav")
        let run = try await bench.msaas("-n", "four", "--filename", template, "a.wav")
        #expect(run.code == 0, "\(run.errors)")
        let name = template.replacing("{track}", with: "a").replacing("{stem}", with: "bass").replacing(
            "{ext}", with: "wav")
        #expect(try await stream("separated/four/\(name)") == codec)
    }

    @Test(arguments: [["--filename", "{stem}.exe"], ["--filename", "{stem}.flac", "--mp3"]])
    func `an ending that cannot be meant is refused`(flags: [String]) async throws {
        try bench.track("a.wav")
        let run = try bench.start(["-n", "four", "a.wav"] + flags)
        #expect(await run.process.wait() == 64)
        #expect(run.errors.contains("--filename \(flags[1])"), "\(run.errors)")
        #expect(try bench.files("separated") == [])
    }

    /// A pipe cannot be read twice, and its name says nothing.
    @Test(arguments: [
        ("cat a.wav | $BIN/msaas separate --repo models -n four --shifts 0 -", "stdin"),
        ("$BIN/msaas separate --repo models -n four --shifts 0 - < a.wav", "stdin"),
        ("$BIN/msaas separate --repo models -n four --shifts 0 <(cat a.wav)", nil),
        ("cat a.wav | $BIN/msaas separate --repo models -n four --shifts 0 /dev/stdin", "stdin"),
    ])
    func `a track may come through a pipe`(line: String, name: String?) async throws {
        try bench.track("a.wav")
        let file = try await bench.msaas("-n", "four", "--shifts", "0", "-o", "file", "a.wav")
        #expect(file.code == 0, "\(file.errors)")
        let piped = try await bench.ended(line)
        #expect(piped.code == 0, "\(piped.errors)")
        let written = try bench.files("separated").filter { $0.hasSuffix("/bass.wav") }
        #expect(written.count == 1, "\(written)")
        if let name { #expect(written == ["four/\(name)/bass.wav"]) }
        let path = try #require(written.first)
        #expect(
            try Data(contentsOf: bench.studio.url("separated/\(path)"))
                == Data(contentsOf: bench.studio.url("file/four/a/bass.wav")))
    }

    @Test func `a pipe without music is refused and leaves nothing`() async throws {
        let run = try await bench.ended("printf '' | $BIN/msaas separate --repo models -n four -")
        #expect(run.code == 1)
        #expect(run.errors.contains("standard input is empty"), "\(run.errors)")
        #expect(try bench.files("separated") == [])
    }
}
