/// The four bytes at the start of an MPEG audio frame (ISO/IEC 11172-3 and 13818-3, section 2.4.1.3).
struct MPEGFrameHeader: Equatable {
    /// 1 for MPEG-1, 2 for MPEG-2 (half rates), 3 for MPEG-2.5 (quarter rates).
    var version: Int
    /// Layer: 1, 2 or 3.
    var layer: Int
    /// Frames per second.
    var sampleRate: Int
    /// 1 or 2.
    var channels: Int
    /// Samples of each channel in the frame.
    var samples: Int
    /// Bytes from this header to the next; 0 for a free-format stream, which does not say.
    var length: Int

    /// Reads a header; nil when the bits are none (no sync word, or a reserved value in a field).
    init?(_ word: UInt32) {
        guard word >> 21 == 0x7ff else { return nil }
        let versionBits = Int(word >> 19 & 3)
        let layerBits = Int(word >> 17 & 3)
        let bitrateIndex = Int(word >> 12 & 15)
        let rateIndex = Int(word >> 10 & 3)
        guard versionBits != 1, layerBits != 0, bitrateIndex != 15, rateIndex != 3, word & 3 != 2 else { return nil }
        version = [3, 0, 2, 1][versionBits]
        layer = 4 - layerBits
        sampleRate = [44100, 48000, 32000][rateIndex] >> (version - 1)
        channels = word >> 6 & 3 == 3 ? 1 : 2
        samples = layer == 1 ? 384 : layer == 3 && version > 1 ? 576 : 1152
        let bitrate = Self.bitrates(version: version, layer: layer)[bitrateIndex] * 1000
        let padding = Int(word >> 9 & 1)
        if bitrateIndex == 0 {
            length = 0
        } else if layer == 1 {
            length = (12 * bitrate / sampleRate + padding) * 4
        } else {
            length = samples / 8 * bitrate / sampleRate + padding
        }
    }

    /// Whether `other` can follow in the same stream: everything but bitrate, padding and channels is the same.
    func continues(_ other: MPEGFrameHeader) -> Bool {
        version == other.version && layer == other.layer && sampleRate == other.sampleRate
    }

    /// Where a layer III frame's Xing or Info tag stands, counted from the frame's first byte.
    var infoOffset: Int {
        switch (version, channels) {
        case (1, 2): 36
        case (1, _), (_, 2): 21
        default: 13
        }
    }

    private static func bitrates(version: Int, layer: Int) -> [Int] {
        switch (version, layer) {
        case (1, 1): [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448]
        case (1, 2): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384]
        case (1, _): [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
        case (_, 1): [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256]
        default: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
        }
    }
}
