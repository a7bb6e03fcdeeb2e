import Audio
import Foundation
import SeparationChoices
import Pacing
import TestSupport
import Testing

/// Peaks are those of the samples that other programs read of the file.
struct PeaksTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test(arguments: ClipMode.allCases, [AudioFormat.wav16, .flac(bits: 16)])
    func `smallest and largest samples of every pixel, after whatever was done against clipping`(
        mode: ClipMode, format: AudioFormat
    ) throws {
        let frames = 256 * 40 + 77
        var numbers = SeededGenerator(seed: 5)
        var samples = (0..<(frames * 2)).map { _ in Float.random(in: -1.7...1.7, using: &numbers) }
        samples[900] = .nan
        let description = AudioDescription(
            format: format, sampleRate: 44100, channels: 2, clipMode: mode, peaks: studio.url("stem.dat"))
        let writer = try AudioWriter(studio.url("stem"), description)
        var start = 0
        while start < samples.count {
            let end = min(samples.count, start + 2 * Int.random(in: 1...3000, using: &numbers))
            try samples[start..<end].withUnsafeBufferPointer { try writer.write($0) }
            start = end
        }
        _ = try writer.finish()
        let decoded = try run("ffmpeg", "-v", "quiet", "-i", studio.path("stem"), "-f", "s16le", "-")
        let shorts = decoded.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        let dat = try Data(contentsOf: studio.url("stem.dat"))
        let header = try #require(PeaksHeader(dat))
        #expect(header == PeaksHeader(sampleRate: 44100, zoom: 256, length: 41, channels: 2))
        #expect(dat.count == header.fileSize)
        #expect(Self.values(dat) == Self.peaks(of: shorts, zoom: 256))
    }

    @Test func `coarser zooms are those of the samples, however the bytes come`() throws {
        var numbers = SeededGenerator(seed: 8)
        for length in [1, 3, 4, 5, 64, 1000] {
            let frames = 256 * length - 99
            let shorts = (0..<(frames * 2)).map { _ in Int16.random(in: .min ... .max, using: &numbers) }
            let fine = Self.peaks(of: shorts, zoom: 256)
            let bytes = fine.withUnsafeBytes { Array($0) }
            for step in [1, 4, 16, 64] {
                var reduction = PeaksReduction(channels: 2, step: step)
                var coarse: [Int16] = []
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + Int.random(in: 1...700, using: &numbers))
                    coarse += bytes[start..<end].withUnsafeBytes { reduction.add($0) }
                    start = end
                }
                coarse += reduction.finish()
                #expect(coarse == Self.peaks(of: shorts, zoom: 256 * step))
                let header = PeaksHeader(sampleRate: 44100, zoom: 256, length: length, channels: 2)
                #expect(coarse.count == 4 * header.converted(zoom: 256 * step, bits: 16).length)
            }
        }
    }

    @Test func `what was given up leaves no peaks`() throws {
        let description = AudioDescription(
            format: .wav16, sampleRate: 44100, channels: 2, clipMode: .rescale, peaks: studio.url("stem.dat"))
        let writer = try AudioWriter(studio.url("stem.wav"), description)
        try [Float](repeating: 0.5, count: 2000).withUnsafeBufferPointer { try writer.write($0) }
        try writer.complete()
        writer.cancel()
        #expect(try FileManager.default.contentsOfDirectory(atPath: studio.directory.url.path) == [])
    }

    @Test func `what is no header of peaks is none`() {
        #expect(PeaksHeader([]) == nil)
        #expect(PeaksHeader([UInt8](repeating: 0, count: 24)) == nil)
        #expect(PeaksHeader([UInt8](repeating: 255, count: 24)) == nil)
        let header = PeaksHeader(sampleRate: 48000, zoom: 512, bits: 8, length: 3, channels: 2)
        #expect(PeaksHeader(header.bytes) == header)
        #expect(header.fileSize == 36)
    }

    static func values(_ dat: Data) -> [Int16] {
        dat.dropFirst(24).withUnsafeBytes { bytes in
            (0..<(bytes.count / 2)).map {
                Int16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * $0, as: Int16.self))
            }
        }
    }

    /// The definition: `audiowaveform --split-channels`.
    static func peaks(of shorts: [Int16], zoom: Int) -> [Int16] {
        stride(from: 0, to: shorts.count / 2, by: zoom).flatMap { start in
            (0..<2).flatMap { channel in
                let pixel = (start..<min(shorts.count / 2, start + zoom)).map { shorts[2 * $0 + channel] }
                return [pixel.min()!, pixel.max()!]
            }
        }
    }
}
