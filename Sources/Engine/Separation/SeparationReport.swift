import Audio
import Foundation

/// What is known of a separation once its track was measured and before the first segment.
public struct SeparationForecast: Sendable, Equatable {
    /// The track's length in seconds.
    public var seconds: Double
    /// Bytes of all stems together, about and at the most.
    public var stemBytes: Int
    /// Bytes that the stems take on their disk at the peak: with ``ClipMode/rescale`` each is parked there as floats, too.
    public var diskBytes: Int

    init(frames: Int, stems: Int, bag: Bag, options: SeparationOptions) {
        seconds = Double(frames) / Double(bag.sampleRate)
        stemBytes = stems * options.format.bytes(frames: frames, channels: bag.channels, sampleRate: bag.sampleRate)
        let parked = options.clipMode == .rescale ? stems * frames * bag.channels * MemoryLayout<Float>.stride : 0
        diskBytes = stemBytes + parked
    }
}

/// What came out of a separation.
public struct SeparationReport: Sendable, Equatable {
    /// One output file.
    public struct Stem: Sendable, Equatable {
        /// Its name, such as `vocals` or `no_vocals`.
        public var name: String
        /// Where it is.
        public var url: URL
        /// Its largest magnitude before clipping or rescaling; 1 is full scale.
        public var peak: Float
        /// Frames in it.
        public var frames: Int
    }

    /// The files, in the order in which the reference writes them.
    public var stems: [Stem]
    /// The track's length in seconds.
    public var duration: Double
    /// Frames per second in the stems.
    public var sampleRate: Int
    /// What was wrong with the track and survived, as sentences.
    public var warnings: [String]
    /// Seconds that decoding, separating and encoding took.
    public var separationSeconds: Double
}
