import Audio
import Foundation
import SeparationChoices
import TestSupport

/// Runs a third-party program and returns its standard output. A missing program is a failure, not a skip.
@discardableResult
func run(_ arguments: String...) throws -> Data { try run(arguments) }

@discardableResult
func run(_ arguments: [String]) throws -> Data {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw TestFailure("`\(arguments.joined(separator: " "))` ended with code \(process.terminationStatus)")
    }
    return data
}

/// A folder with a few tracks in it, made by sox.
struct Studio {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func url(_ name: String) -> URL { directory.url.appending(path: name) }
    func path(_ name: String) -> String { url(name).path }

    /// Two tones and some noise, `frames` long.
    @discardableResult
    func tones(_ name: String = "tones.wav", frames: Int = 100_017, rate: Int = 44100, channels: Int = 2) throws -> URL
    {
        try run(
            "sox", "-R", "-r", "\(rate)", "-n", "-c", "\(channels)", "-b", "16", path(name), "synth", "\(frames)s",
            "sine", "440",
            "sine", "mix", "997", "pinknoise", "mix", "gain", "-8")
        return url(name)
    }

    /// `name` decoded by ffmpeg, interleaved.
    func decodedByFFmpeg(_ name: String) throws -> [Float] {
        try floats(run("ffmpeg", "-v", "quiet", "-i", path(name), "-f", "f32le", "-"))
    }

    /// `name` as bytes, changed, under another name.
    @discardableResult
    func edit(_ name: String, to other: String, _ change: (inout Data) -> Void) throws -> URL {
        var data = try Data(contentsOf: url(name))
        change(&data)
        try data.write(to: url(other))
        return url(other)
    }
}

func floats(_ data: Data) -> [Float] {
    data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
}

/// All frames of a track, read in pieces of an odd size.
func readAll(
    _ url: URL, sampleRate: Int = 44100, channels: Int = 2, selection: ChannelSelection = .all
) throws -> (samples: [Float], warnings: [String]) {
    let reader = try AudioReader(url, sampleRate: sampleRate, channels: channels, selection: selection)
    var samples: [Float] = []
    var buffer = [Float](repeating: .nan, count: 3001 * channels)
    while true {
        let frames = try buffer.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
        if frames == 0 { break }
        samples += buffer[..<(frames * channels)]
    }
    return (samples, reader.warnings)
}

/// Signal to noise in dB over the common length.
func decibels(_ signal: some Collection<Float>, against estimate: some Collection<Float>) -> Double {
    var power = 0.0
    var error = 1e-30
    for (a, b) in zip(signal, estimate) {
        power += Double(a) * Double(a)
        error += Double(a - b) * Double(a - b)
    }
    return 10 * log10(power / error)
}

/// Writes interleaved samples in pieces and returns what the writer says.
@discardableResult
func write(
    _ samples: [Float], to url: URL, _ format: AudioFormat, clipMode: ClipMode = .none, channels: Int = 2,
    sampleRate: Int = 44100, quantisation: Quantisation = .reference, tags: TrackTags? = nil
) throws -> AudioWriter.Result {
    let writer = try AudioWriter(
        url,
        AudioDescription(
            format: format, sampleRate: sampleRate, channels: channels, clipMode: clipMode, quantisation: quantisation,
            tags: tags))
    var start = 0
    while start < samples.count {
        let end = min(samples.count, start + 20_000 * channels)
        try samples[start..<end].withUnsafeBufferPointer { try writer.write($0) }
        start = end
    }
    return try writer.finish()
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
