import Audio
import Foundation
import Separation
import SeparationChoices
import Testing

/// What a player wants beside the stems.
struct StudioFilesTests {
    let studio: Studio
    let folder: URL

    init() throws {
        studio = try Studio()
        folder = studio.url("studio")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    @Test(arguments: [false, true]) func `the track as it was heard, and peaks of every file`(isExact: Bool) throws {
        let track = noise(frames: 3000, channels: 2, seed: 9, level: 0.9)
        try writeTrack(track, to: studio.url("track.wav"), format: .wav16, quantisation: .exact)
        let options = plainOptions {
            $0.format = .wav16
            $0.clipMode = .rescale
            $0.sumsExactly = isExact
            $0.mixes = [StemMix("karaoke=song-bass")].compactMap { $0 }
            $0.studio = folder
        }
        let report = try Separator(bag: .toy(), options: options).separate(studio.url("track.wav"), to: studio.stem)
        let original = try #require(report.original)
        #expect(original.frames == 3000 && original.name == "original")
        #expect(try readTrack(original.url) == readTrack(studio.url("track.wav")))
        for stem in report.stems + [original] {
            let peaks = try Data(contentsOf: #require(stem.peaks))
            let header = try #require(PeaksHeader(peaks))
            #expect(header == PeaksHeader(sampleRate: 1000, zoom: 256, length: 12, channels: 2))
            let largest = peaks.dropFirst(24).withUnsafeBytes { bytes in
                (0..<(bytes.count / 2)).map { abs(Int(bytes.loadUnaligned(fromByteOffset: 2 * $0, as: Int16.self))) }
                    .max()
            }
            let samples = try readTrack(stem.url).flatMap { $0 }.map { abs(Int($0 * 32768)) }
            #expect(largest == samples.max(), "\(stem.name)")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == (report.stems.map { "\($0.name).dat" } + ["original.dat", "original.flac"]).sorted())
    }

    @Test func `the original has the rate and length of the stems`() throws {
        let track = noise(frames: 4511, channels: 2, seed: 2, level: 0.5)
        try writeTrack(track, to: studio.url("track.wav"), sampleRate: 1500)
        for keepsRate in [false, true] {
            let options = plainOptions {
                $0.keepsRate = keepsRate
                $0.studio = folder
            }
            let report = try Separator(bag: .toy(), options: options).separate(studio.url("track.wav"), to: studio.stem)
            #expect(report.original?.frames == report.stems[0].frames)
            #expect(report.sampleRate == (keepsRate ? 1500 : 1000))
        }
    }

    @Test func `nothing stays of what was stopped`() throws {
        try writeTrack(noise(frames: 30_000, channels: 2, seed: 2), to: studio.url("track.wav"))
        var asked = 0
        #expect(throws: CancellationError.self) {
            try Separator(bag: .toy(), options: plainOptions { $0.studio = folder }).separate(
                studio.url("track.wav"), to: studio.stem,
                progress: { _ in
                    asked += 1
                    return asked < 6
                })
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func `without a folder there is nothing of it`() throws {
        try writeTrack(noise(frames: 3000, channels: 2, seed: 2), to: studio.url("track.wav"))
        let report = try Separator(bag: .toy(), options: plainOptions()).separate(
            studio.url("track.wav"), to: studio.stem)
        #expect(report.original == nil && report.stems.allSatisfy { $0.peaks == nil })
    }
}
