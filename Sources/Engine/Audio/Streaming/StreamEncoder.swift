import Foundation

/// The bytes of a WAV file of 16 bits whose length is known before its samples: which are where.
public struct WaveLayout: Sendable, Equatable {
    /// Frames.
    public let frames: Int
    /// What stands before the first sample: RIFF or, beyond 4 GB, RF64 (EBU Tech 3306).
    public let header: [UInt8]
    /// Bytes of a frame.
    public let frameSize: Int

    /// Bytes of the whole file.
    public var size: Int { header.count + frames * frameSize }

    /// A file of so many frames.
    public init(frames: Int, sampleRate: Int, channels: Int) {
        self.frames = frames
        frameSize = 2 * channels
        let data = frames * frameSize
        let isHuge = data > Int(UInt32.max) - 36
        let format =
            Array("fmt ".utf8) + UInt32(16).littleEndianBytes + UInt16(1).littleEndianBytes
            + UInt16(clamping: channels).littleEndianBytes + UInt32(clamping: sampleRate).littleEndianBytes
            + UInt32(clamping: sampleRate * frameSize).littleEndianBytes + UInt16(clamping: frameSize).littleEndianBytes
            + UInt16(16).littleEndianBytes
        // Beyond 32 bits the three lengths stand in a chunk of their own.
        let long =
            isHuge
            ? Array("ds64".utf8) + UInt32(28).littleEndianBytes + UInt64(data + 72).littleEndianBytes
                + UInt64(data).littleEndianBytes + UInt64(frames).littleEndianBytes + UInt32(0).littleEndianBytes : []
        header =
            Array((isHuge ? "RF64" : "RIFF").utf8)
            + (isHuge ? UInt32.max : UInt32(36 + data)).littleEndianBytes + Array("WAVE".utf8) + long + format
            + Array("data".utf8) + (isHuge ? UInt32.max : UInt32(data)).littleEndianBytes
    }

    /// The frames whose bytes lie in this part of the file, at least in part.
    public func frames(in bytes: Range<Int>) -> Range<Int> {
        let samples = max(0, bytes.lowerBound - header.count)..<max(0, bytes.upperBound - header.count)
        let first = min(frames, samples.lowerBound / frameSize)
        return first..<max(first, min(frames, (samples.upperBound + frameSize - 1) / frameSize))
    }
}

/// Encodes frames into bytes that leave as they come: nothing is gone back to, so whatever a header says of the length is put in
/// before.
final class StreamEncoder {
    private let media: MediaEncoder?
    private let quantisation = Quantisation.exact
    private let format: AudioFormat
    private let frames: Int
    /// The beginning, until the header is complete.
    private var head: [UInt8]?

    /// - Parameters:
    ///   - format: ``AudioFormat/wav16`` (samples only, without a header), FLAC or MP3.
    ///   - frames: how many will come.
    /// - Throws: ``AudioError/invalidFormat(_:)`` for parameters that there are not.
    init(_ format: AudioFormat, sampleRate: Int, channels: Int, frames: Int) throws {
        self.format = format
        self.frames = frames
        try format.validate()
        media =
            format == .wav16
            ? nil
            : try MediaEncoder(
                .stream, path: "the answer", format: format, sampleRate: sampleRate, channels: channels,
                quantisation: quantisation, tags: nil)
        head = media == nil ? nil : []
    }

    /// Encodes whole frames; gives the bytes that are complete.
    func encode(_ samples: UnsafeBufferPointer<Float>) throws -> [UInt8] {
        guard let media else {
            return [UInt8](unsafeUninitializedCapacity: samples.count * 2) { bytes, count in
                for (index, sample) in samples.enumerated() {
                    let value = UInt16(bitPattern: quantisation.int16(sample))
                    bytes[2 * index] = UInt8(truncatingIfNeeded: value)
                    bytes[2 * index + 1] = UInt8(truncatingIfNeeded: value >> 8)
                }
                count = samples.count * 2
            }
        }
        try media.encode(samples, track: 0)
        try media.write()
        return headed(media.takeStreamed(), isEnd: false)
    }

    /// The last bytes.
    func finish() throws -> [UInt8] {
        guard let media else { return [] }
        try media.end(track: 0)
        try media.close()
        return headed(media.takeStreamed(), isEnd: true)
    }

    /// Holds the beginning until the length can be put into it.
    private func headed(_ bytes: [UInt8], isEnd: Bool) -> [UInt8] {
        guard var head else { return bytes }
        head += bytes
        let isComplete = if case .flac = format { stateSamples(in: &head) } else { addInfoFrame(to: &head) }
        self.head = isComplete || isEnd ? nil : head
        return isComplete || isEnd ? head : []
    }

    /// How many samples there will be, in 36 bits of STREAMINFO (RFC 9639, section 8.2), for players that show the length and seek.
    private func stateSamples(in head: inout [UInt8]) -> Bool {
        guard head.count >= 26, frames < 1 << 36 else { return false }
        head[21] = head[21] & 0xf0 | UInt8(frames >> 32)
        head.replaceSubrange(22..<26, with: UInt32(truncatingIfNeeded: frames).bigEndianBytes)
        return true
    }

    /// Behind the tag that may begin the file.
    private func addInfoFrame(to head: inout [UInt8]) -> Bool {
        var start = 0
        if head.starts(with: "ID3".utf8) {
            guard head.count >= 10 else { return false }
            start = 10 + head[6...9].reduce(0) { $0 << 7 | Int($1) }
        }
        guard head.count >= start + 4 else { return false }
        let first = head[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if let info = InfoFrame.bytes(before: first, frames: frames) { head.insert(contentsOf: info, at: start) }
        return true
    }
}
