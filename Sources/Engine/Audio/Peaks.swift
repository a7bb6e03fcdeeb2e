import Foundation

/// What a waveform is drawn from: of every so many samples the smallest and the largest, for each channel.
///
/// The bytes are version 2 of the data format of the BBC's audiowaveform
/// (https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md), little-endian: version, flags (1: 8 bits), sample rate,
/// samples a pixel, length in pixels, channels, as 32 bits each; then for every pixel and channel the minimum and the maximum.
/// Numbers are those of `audiowaveform --split-channels`: the last pixel may stand for fewer samples, a pixel of a coarser zoom is
/// made of whole finer ones, and 8 bits are 16 divided by 256 towards zero.
public struct PeaksHeader: Sendable, Equatable {
    /// Frames a second of the audio.
    public var sampleRate: Int
    /// Frames that a pixel stands for.
    public var zoom: Int
    /// 8 or 16.
    public var bits: Int
    /// Pixels.
    public var length: Int
    /// Channels.
    public var channels: Int

    /// Bytes before the first pixel.
    public static let size = 24
    /// What is stored; everything coarser is made of it.
    public static let finest = 256

    /// A header of its parts.
    public init(sampleRate: Int, zoom: Int, bits: Int = 16, length: Int, channels: Int) {
        self.sampleRate = sampleRate
        self.zoom = zoom
        self.bits = bits
        self.length = length
        self.channels = channels
    }

    /// Reads the first ``size`` bytes; nil for what is no such header.
    public init?(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes.prefix(Self.size))
        func number(_ index: Int) -> Int {
            bytes[(4 * index)..<(4 * index + 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        guard bytes.count == Self.size, number(0) == 2, number(1) <= 1, (1...1 << 24).contains(number(2)),
            (2...1 << 24).contains(number(3)), (1...64).contains(number(5))
        else { return nil }
        self.init(
            sampleRate: number(2), zoom: number(3), bits: number(1) == 1 ? 8 : 16, length: number(4),
            channels: number(5))
    }

    /// The bytes.
    public var bytes: [UInt8] {
        [2, bits == 8 ? 1 : 0, sampleRate, zoom, length, channels].flatMap { UInt32(clamping: $0).littleEndianBytes }
    }

    /// Bytes of the whole file.
    public var fileSize: Int { Self.size + length * channels * 2 * bits / 8 }

    /// The header of the same audio in another form.
    public func converted(zoom: Int, bits: Int) -> PeaksHeader {
        let step = max(1, zoom / self.zoom)
        return PeaksHeader(
            sampleRate: sampleRate, zoom: zoom, bits: bits, length: (length + step - 1) / step, channels: channels)
    }
}

/// Makes coarser pixels of finer ones, as they come in.
public struct PeaksReduction: Sendable {
    private let channels: Int
    private let step: Int
    private var rest: [UInt8] = []
    private var pixel: [Int16] = []
    private var merged = 0

    /// A reduction of pixels of 16 bits, `step` to one.
    public init(channels: Int, step: Int) {
        self.channels = channels
        self.step = max(1, step)
    }

    /// Takes the next bytes behind the header and gives the pixels that are complete: minimum and maximum of each channel.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) -> [Int16] {
        var values: [Int16] = []
        values.reserveCapacity(bytes.count / 2 / step)
        let data = rest + bytes
        let width = 4 * channels
        data.withUnsafeBytes { raw in
            for start in stride(from: 0, to: raw.count / width * width, by: width) {
                for index in 0..<(2 * channels) {
                    let value = Int16(
                        littleEndian: raw.loadUnaligned(fromByteOffset: start + 2 * index, as: Int16.self))
                    if merged == 0 {
                        pixel.append(value)
                    } else {
                        pixel[index] = index % 2 == 0 ? min(pixel[index], value) : max(pixel[index], value)
                    }
                }
                merged += 1
                if merged == step { values += takePixel() }
            }
        }
        rest = Array(data[(data.count / width * width)...])
        return values
    }

    /// The last pixel, which may stand for less.
    public mutating func finish() -> [Int16] { merged > 0 ? takePixel() : [] }

    private mutating func takePixel() -> [Int16] {
        defer { (pixel, merged) = ([], 0) }
        return pixel
    }
}

/// Finds the peaks of a file while it is written. They wait on disk as floats: by what a stem has to be divided is known at its end.
final class PeaksWriter {
    private let url: URL
    private let channels: Int
    private let sampleRate: Int
    private let spool: SampleSpool
    private var pixel: [Float]
    private var waiting: [Float] = []
    private var filled = 0
    private var pixels = 0
    private var isComplete = false

    private static let blockPixels = 2048

    /// Peaks that will lie at `url`.
    init(_ url: URL, sampleRate: Int, channels: Int) throws {
        self.url = url
        self.channels = channels
        self.sampleRate = sampleRate
        spool = try SampleSpool(folder: url.deletingLastPathComponent())
        pixel = [Float](repeating: 0, count: 2 * channels)
        waiting.reserveCapacity(Self.blockPixels * 2 * channels)
    }

    /// Takes whole interleaved frames.
    func add(_ samples: UnsafeBufferPointer<Float>) throws {
        for frame in 0..<(samples.count / channels) {
            for channel in 0..<channels {
                let sample = samples[frame * channels + channel]
                // A NaN is written as silence.
                let value = sample.isNaN ? 0 : sample
                pixel[2 * channel] = filled == 0 ? value : min(pixel[2 * channel], value)
                pixel[2 * channel + 1] = filled == 0 ? value : max(pixel[2 * channel + 1], value)
            }
            filled += 1
            if filled == PeaksHeader.finest { try endPixel() }
        }
    }

    /// Writes the file.
    ///
    /// - Parameter sample: what becomes of a sample in the audio's file; a larger sample may not become a smaller one.
    func finish(_ sample: (Float) -> Int16) throws {
        if filled > 0 { try endPixel() }
        try flush()
        let descriptor = open(url.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw AudioError.writing(url.path) }
        defer { close(descriptor) }
        isComplete = true
        let header = PeaksHeader(
            sampleRate: sampleRate, zoom: PeaksHeader.finest, length: pixels, channels: channels
        ).bytes
        try writeAll(descriptor, header, count: header.count, path: url.path)
        let block = UnsafeMutableBufferPointer<Float>.allocate(capacity: Self.blockPixels * 2 * channels)
        defer { block.deallocate() }
        try spool.forEach(block) { values in
            let bytes = values.map { sample($0).littleEndian }
            try writeAll(descriptor, bytes, count: 2 * bytes.count, path: url.path)
        }
    }

    /// Removes the file.
    func cancel() {
        if isComplete { unlink(url.path) }
        isComplete = false
    }

    private func endPixel() throws {
        waiting.append(contentsOf: pixel)
        filled = 0
        pixels += 1
        if waiting.count >= Self.blockPixels * 2 * channels { try flush() }
    }

    private func flush() throws {
        try waiting.withUnsafeBufferPointer { try spool.append($0) }
        waiting.removeAll(keepingCapacity: true)
    }
}
