import Audio
import Foundation
import Pacing
import Separation
import TestSupport

/// Noise with an offset, `[channels][frames]`, the same for the same seed.
func noise(frames: Int, channels: Int, seed: UInt64 = 1, level: Float = 0.05) -> [[Float]] {
    var random = SeededGenerator(seed: seed)
    return (0..<channels).map { channel in
        (0..<frames).map { _ in Float.random(in: -level...level, using: &random) + level / Float(5 + channel) }
    }
}

/// Writes planar samples as a float WAV.
func writeTrack(
    _ planar: [[Float]], to url: URL, sampleRate: Int = 1000, format: AudioFormat = .float32,
    quantisation: Quantisation = .reference
) throws {
    let writer = try AudioWriter(
        url,
        AudioDescription(
            format: format, sampleRate: sampleRate, channels: planar.count, clipMode: .none,
            quantisation: quantisation))
    let interleaved = planar[0].indices.flatMap { frame in planar.map { $0[frame] } }
    try interleaved.withUnsafeBufferPointer { try writer.write($0) }
    _ = try writer.finish()
}

/// Reads a file as planar samples.
func readTrack(_ url: URL, sampleRate: Int = 1000, channels: Int = 2) throws -> [[Float]] {
    let reader = try AudioReader(url, sampleRate: sampleRate, channels: channels)
    var planar = [[Float]](repeating: [], count: channels)
    var buffer = [Float](repeating: 0, count: 4096 * channels)
    while true {
        let frames = try buffer.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
        if frames == 0 { return planar }
        for channel in 0..<channels {
            planar[channel] += (0..<frames).map { buffer[$0 * channels + channel] }
        }
    }
}

/// Signal to noise of `estimate` in dB; -infinity when the lengths differ.
func decibels(_ signal: [[Double]], against estimate: [[Float]]) -> Double {
    guard signal.map(\.count) == estimate.map(\.count) else { return -.infinity }
    var power = 1e-30
    var error = 1e-30
    for (a, b) in zip(signal.joined(), estimate.joined()) {
        power += a * a
        error += (a - Double(b)) * (a - Double(b))
    }
    return 10 * log10(power / error)
}

func decibels(_ signal: [[Float]], against estimate: [[Float]]) -> Double {
    decibels(signal.map { $0.map(Double.init) }, against: estimate)
}

/// A folder with a track in it and room for stems.
struct Studio {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func url(_ name: String) -> URL { directory.url.appending(path: name) }
    func stem(_ name: String) -> URL { url("stems/\(name).wav") }

    /// Everything in the folder, hidden files too.
    func contents() throws -> [String] {
        let all = FileManager.default.enumerator(atPath: directory.path)?.allObjects as? [String]
        return (all ?? []).sorted()
    }
}

/// Options that give comparable samples.
func plainOptions(_ change: (inout SeparationOptions) -> Void = { _ in }) -> SeparationOptions {
    var options = SeparationOptions()
    options.shifts = 0
    options.clipMode = .none
    options.format = .float32
    change(&options)
    return options
}

/// The sentence of the error that `body` throws.
func sentence(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}
