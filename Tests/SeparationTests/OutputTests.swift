import Audio
import Foundation
import Separation
import SeparationChoices
import Testing

/// What the files are: rate, length, depth; what they add up to; and what their making counts for in the progress.
struct OutputTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    /// The toy model's stems are nothing like a partition of the track, which is what has to be mended.
    @Test(arguments: [AudioFormat.wav16, .wav24, .flac(bits: 24), .float32])
    func `stems add up to the track within one step`(format: AudioFormat) throws {
        let track = noise(frames: 1500, channels: 2, seed: 4, level: 0.9)
        try writeTrack(
            track, to: studio.url("track.wav"), format: format == .wav16 ? .wav16 : .float32, quantisation: .exact)
        let original = try readTrack(studio.url("track.wav"))
        for change in [{ _ in }, { ($0.twoStems, $0.otherMethod) = ("bass", .add) }]
            as [(inout SeparationOptions) -> Void]
        {
            let options = plainOptions {
                $0.format = format
                $0.clipMode = .rescale
                $0.sumsExactly = true
                change(&$0)
            }
            let report = try Separator(bag: .toy(), options: options).separate(studio.url("track.wav"), to: studio.stem)
            let stems = try report.stems.map { try readTrack($0.url) }
            let step = format == .wav16 ? 0x1p-15 : 0x1p-22
            for channel in 0..<2 {
                for frame in 0..<1500 {
                    let sum = stems.reduce(0) { $0 + Double($1[channel][frame]) }
                    #expect(abs(sum - Double(original[channel][frame])) <= step)
                }
            }
            // A track of 16 bits comes back to the bit.
            if format == .wav16 {
                let sums = original.indices.map { channel in
                    original[channel].indices.map { frame in stems.reduce(Float(0)) { $0 + $1[channel][frame] } }
                }
                #expect(sums == original)
            }
            #expect(report.warnings == [])
            #expect(report.remainder == nil)
        }
    }

    @Test func `without it the report says how far the sources are from the track`() throws {
        let track = noise(frames: 1500, channels: 2, seed: 4)
        try writeTrack(track, to: studio.url("track.wav"))
        let report = try Separator(bag: .toy(), options: plainOptions()).separate(
            studio.url("track.wav"), to: studio.stem)
        let stems = try report.stems.map { try readTrack($0.url) }
        var (power, total) = (0.0, 0.0)
        for channel in 0..<2 {
            for frame in 0..<1500 {
                let rest = stems.reduce(Double(track[channel][frame])) { $0 - Double($1[channel][frame]) }
                power += rest * rest
                total += Double(track[channel][frame] * track[channel][frame])
            }
        }
        #expect(try abs(#require(report.remainder) - 10 * log10(power / total)) < 0.01)
        let some = try Separator(bag: .toy(), options: plainOptions { $0.stems = ["bass"] }).separate(
            studio.url("track.wav"), to: studio.stem)
        #expect(some.remainder == nil)
    }

    /// The track minus nothing is the track: it has to come back from the model's rate to its own without a shift.
    @Test(arguments: [8000, 11025, 48000, 96000], [1, 7, 5001])
    func `stems in the track's own rate lie where the track lies`(rate: Int, length: Int) throws {
        let frames = length * rate / 8000 + length % 7
        // A tone that both rates know.
        let tone = (0..<2).map { channel in
            (0..<frames).map { Float(0.3 * sin(2 * .pi * 700 * Double($0) / Double(rate) + Double(channel))) }
        }
        try writeTrack(tone, to: studio.url("track.wav"), sampleRate: rate)
        let options = plainOptions {
            $0.keepsRate = true
            $0.stems = ["drums"]
            $0.mixes = [StemMix("rest=song-drums"), StemMix("drums2=drums")].compactMap { $0 }
        }
        let report = try Separator(bag: .toy(sampleRate: 8000), options: options).separate(
            studio.url("track.wav"), to: studio.stem)
        #expect(report.sampleRate == rate)
        let back = try report.stems.map { try readTrack($0.url, sampleRate: rate) }
        #expect(back.allSatisfy { $0.map(\.count) == [frames, frames] })
        guard frames > 20_000 else { return }
        // Away from the ends, where a filter hears silence.
        let inner = 2000..<(frames - 2000)
        let sum = (0..<2).map { channel in
            inner.map { Double(back[0][channel][$0]) + Double(back[1][channel][$0]) }
        }
        #expect(decibels(sum, against: tone.map { Array($0[inner]) }) > 80)
    }

    @Test func `the track's bits a sample are kept as well, and they add up in its own rate`() throws {
        let track = noise(frames: 30_000, channels: 2, seed: 3, level: 0.4)
        try writeTrack(track, to: studio.url("track.wav"), sampleRate: 12_000, format: .wav24, quantisation: .exact)
        let original = try readTrack(studio.url("track.wav"), sampleRate: 12_000)
        let options = plainOptions {
            $0.format = .wav16
            $0.keepsRate = true
            $0.sumsExactly = true
        }
        let report = try Separator(bag: .toy(sampleRate: 8000), options: options).separate(
            studio.url("track.wav"), to: studio.stem)
        let stems = try report.stems.map { try readTrack($0.url, sampleRate: 12_000) }
        let sums = original.indices.map { channel in
            original[channel].indices.map { frame in Float(stems.reduce(0) { $0 + Double($1[channel][frame]) }) }
        }
        #expect(sums == original)
    }

    @Test func `a format without the track's rate says which one it has instead`() throws {
        try writeTrack(noise(frames: 96_000, channels: 2), to: studio.url("track.wav"), sampleRate: 96_000)
        for (format, rate) in [(AudioFormat.mp3(bitrate: 128, preset: 7), 48_000), (.opus(bitrate: 128), 48_000)] {
            let options = plainOptions {
                $0.format = format
                $0.keepsRate = true
                $0.stems = ["bass"]
            }
            let report = try Separator(bag: .toy(sampleRate: 8000), options: options).separate(
                studio.url("track.wav"), to: studio.stem)
            #expect(report.sampleRate == rate)
            #expect(report.warnings == ["A \(format.name.rawValue) has no 96000 Hz; the stems have 48000 Hz."])
            #expect(try readTrack(report.stems[0].url, sampleRate: rate)[0].count == 48_000)
        }
    }

    @Test func `a stem file holds the track and its stems`() throws {
        try writeTrack(noise(frames: 20_000, channels: 2), to: studio.url("track.wav"), sampleRate: 8000)
        let options = plainOptions { $0.format = .stemFile(bitrate: 64) }
        let report = try Separator(bag: .toy(sampleRate: 8000), options: options).separate(
            studio.url("track.wav"), to: { studio.url("\($0).stem.mp4") })
        #expect(report.stems.map(\.name) == ["stems"])
        #expect(try studio.contents() == ["stems.stem.mp4", "track.wav"])
        // AAC comes in whole blocks of 1024 frames.
        #expect(try (20_000..<22_048).contains(readTrack(report.stems[0].url, sampleRate: 8000)[0].count))
        let refused = sentence {
            _ = try Separator(bag: .toy(sources: ["a", "b"]), options: options)
        }
        #expect(refused == "A stem.mp4 holds four stems, not 2; choose four of a, b.")
    }

    @Test func `what cannot be had together is refused`() throws {
        func refused(_ said: String, _ change: (inout SeparationOptions) -> Void) {
            let sentence = sentence { _ = try Separator(bag: .toy(), options: plainOptions(change)) }
            #expect(sentence?.contains(said) == true, "\(sentence ?? "not refused")")
        }
        refused("Stems add up to the track only when all of them are written") {
            ($0.sumsExactly, $0.stems) = (true, ["bass"])
        }
        refused("need WAV or FLAC; opus changes every sample.") {
            ($0.sumsExactly, $0.format) = (true, .opus(bitrate: 96))
        }
        refused("A stem.mp4 holds four stems") { ($0.twoStems, $0.format) = ("bass", .stemFile(bitrate: 96)) }
        refused("There is nothing to write") { $0.stems = [] }
    }

    /// A loud track's stems are encoded anew at the end: the meter must not stand at its end meanwhile.
    @Test func `what has to be encoded at the end is not done before it is`() throws {
        let track = noise(frames: 120_000, channels: 2, level: 4)
        try writeTrack(track, to: studio.url("track.wav"), sampleRate: 8000)
        var told: [Double] = []
        let options = plainOptions {
            $0.format = .mp3(bitrate: 128, preset: 2)
            $0.clipMode = .rescale
        }
        let report = try Separator(bag: .toy(sampleRate: 8000, training: [16_000]), options: options).separate(
            studio.url("track.wav"), to: studio.stem,
            progress: {
                told.append($0)
                return true
            })
        #expect(report.stems.allSatisfy { $0.gain < 1 })
        #expect(told == told.sorted())
        #expect(told.last == 1)
        // 15 blocks for each of the stems after the last segment, and not all of them at 1.
        #expect(told.count { $0 < 1 } > 40)
    }
}
