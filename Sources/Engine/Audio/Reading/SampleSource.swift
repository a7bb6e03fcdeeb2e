/// A decoder: hands out a file's samples piece by piece, in the file's own rate and channel count.
protocol SampleSource: AnyObject {
    /// The next piece, or nil at the end. Its memory is valid until the next call.
    ///
    /// - Throws: ``AudioError`` when nothing could be decoded; later damage is survived and told in ``warnings``.
    func next() throws -> SampleBlock?

    /// What was wrong with the file and survived, as sentences. Complete once ``next()`` returned nil.
    var warnings: [String] { get }
}

/// Some frames of interleaved samples; a view on memory that belongs to its source.
struct SampleBlock {
    /// `frames × channels` samples, frame after frame; nominal full scale is ±1.
    var samples: UnsafeBufferPointer<Float>
    /// Rate and channels of `samples`.
    var format: StreamFormat

    /// Samples in each channel.
    var frames: Int { samples.count / format.channels }
}

/// Rate and channel count of a stream; may change in the middle of an MP3 file.
struct StreamFormat: Equatable {
    /// Frames per second.
    var sampleRate: Int
    /// Channels in a frame.
    var channels: Int
}
