import Foundation

/// How loud a track is in a mix, on either side.
public struct TrackGain: Sendable, Equatable {
    /// What samples of the left channel are multiplied with.
    public var left: Float
    /// The same for the right one.
    public var right: Float

    /// As it is.
    public static let unity = TrackGain(gain: 1, pan: 0)

    /// A balance: towards one side the other gets quieter, and nothing is moved.
    ///
    /// - Parameters:
    ///   - gain: 0 silent, 1 as it is.
    ///   - pan: -1 left only … 1 right only.
    public init(gain: Double, pan: Double) {
        left = Float(gain * min(1, 1 - pan))
        right = Float(gain * min(1, 1 + pan))
    }
}

/// Tracks decoded, added up and encoded, piece by piece as somebody asks for the next one; memory does not grow with their length.
///
/// A single track as it is comes out with the very samples that it has, in 16 bits. A sum beyond full scale is limited to it.
/// Used by one thread at a time, and blocks it.
public final class Rendering {
    /// A track and how loud it is.
    public struct Track {
        /// A file with a track.
        public var bytes: any AudioBytes
        /// How loud it is.
        public var gain: TrackGain

        /// A track.
        public init(_ bytes: any AudioBytes, gain: TrackGain = .unity) {
            self.bytes = bytes
            self.gain = gain
        }
    }

    /// What comes out.
    public struct Shape: Sendable, Equatable {
        /// ``AudioFormat/wav16``, FLAC of 16 bits or MP3.
        public var format: AudioFormat
        /// Frames a second of what comes out. Tracks of another rate are converted.
        public var sampleRate: Int
        /// Which frames of the tracks, at this rate. Where a track ends earlier, silence follows.
        public var frames: Range<Int>
        /// Which bytes of the WAV file they make; nil for all, and with every other format.
        public var part: Range<Int>?

        /// What comes out.
        public init(format: AudioFormat, sampleRate: Int, frames: Range<Int>, part: Range<Int>? = nil) {
            self.format = format
            self.sampleRate = sampleRate
            self.frames = frames
            self.part = part
        }

        /// The WAV file.
        public var wave: WaveLayout {
            WaveLayout(frames: frames.count, sampleRate: sampleRate, channels: Rendering.channels)
        }
    }

    /// Stereo, always.
    public static let channels = 2
    /// Frames of a piece.
    public static let pieceFrames = 8192

    private let tracks: [Track]
    private let shape: Shape
    private var readers: [AudioReader] = []
    private var encoder: StreamEncoder?
    private var left: Int
    /// Bytes that lie before the part that is wanted, and that may still be given.
    private var skipped: Int
    private var allowed: Int
    private let header: [UInt8]
    private var isOpen = false
    private let sum: UnsafeMutableBufferPointer<Float>
    private let piece: UnsafeMutableBufferPointer<Float>

    /// A rendering; nothing is read yet.
    public init(_ tracks: [Track], as shape: Shape) {
        self.tracks = tracks
        self.shape = shape
        let wave = shape.format == .wav16 ? shape.wave : nil
        let part = shape.part ?? 0..<(wave?.size ?? .max)
        let frames = wave.map { $0.frames(in: part) } ?? 0..<shape.frames.count
        first = shape.frames.lowerBound + frames.lowerBound
        left = frames.count
        header = wave.map { Array($0.header[min($0.header.count, part.lowerBound)...]) } ?? []
        skipped = wave.map { max(0, part.lowerBound - $0.header.count) % $0.frameSize } ?? 0
        allowed = part.count
        sum = .allocate(capacity: Self.pieceFrames * Self.channels)
        piece = .allocate(capacity: Self.pieceFrames * Self.channels)
    }

    private let first: Int

    deinit {
        sum.deallocate()
        piece.deallocate()
    }

    /// The next bytes; nil at the end.
    ///
    /// - Throws: ``AudioError`` where a track cannot be decoded.
    public func next() throws -> [UInt8]? {
        if !isOpen {
            try open()
            isOpen = true
            if !header.isEmpty { return limited(header) }
        }
        while let encoder {
            let bytes: [UInt8]
            if left > 0 {
                let frames = min(left, Self.pieceFrames)
                left -= frames
                bytes = try encoder.encode(try mixed(frames))
            } else {
                bytes = try encoder.finish()
                self.encoder = nil
            }
            let wanted = limited(bytes)
            if !wanted.isEmpty { return wanted }
        }
        return nil
    }

    private func open() throws {
        encoder = try StreamEncoder(
            shape.format, sampleRate: shape.sampleRate, channels: Self.channels, frames: shape.frames.count)
        guard left > 0 else { return }
        for track in tracks {
            let reader = try AudioReader(track.bytes, sampleRate: shape.sampleRate, channels: Self.channels)
            try reader.skip(to: first)
            readers.append(reader)
        }
    }

    /// The sum of the tracks' next frames.
    private func mixed(_ frames: Int) throws -> UnsafeBufferPointer<Float> {
        let sum = UnsafeMutableBufferPointer(rebasing: sum[..<(frames * Self.channels)])
        sum.update(repeating: 0)
        for (track, reader) in zip(tracks, readers) {
            let count = try reader.read(into: UnsafeMutableBufferPointer(rebasing: piece[..<sum.count]))
            let gain = track.gain
            for frame in 0..<count {
                sum[2 * frame] += gain.left * piece[2 * frame]
                sum[2 * frame + 1] += gain.right * piece[2 * frame + 1]
            }
        }
        return UnsafeBufferPointer(sum)
    }

    /// What of these bytes belongs to the part that is wanted.
    private func limited(_ bytes: [UInt8]) -> [UInt8] {
        let start = min(skipped, bytes.count)
        // The header comes before what is skipped: a part begins in one of the two.
        skipped -= start
        let count = min(allowed, bytes.count - start)
        allowed -= count
        return start == 0 && count == bytes.count ? bytes : Array(bytes[start..<(start + count)])
    }
}
