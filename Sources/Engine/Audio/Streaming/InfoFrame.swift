/// The first frame of an MP3: silence for decoders, and for players how many frames follow and how many samples at either end are the
/// encoder's and not the track's (the tags of Xing and LAME, http://gabriel.mp3-tech.org/mp3infotag.html). Who writes a file puts it
/// in at the end; in a stream it comes first, so it says what the encoder is going to do.
enum InfoFrame {
    /// Samples by which LAME's frames begin before the track.
    private static let delay = 576
    private static let xingLength = 120
    private static let lameLength = 36

    /// The frame.
    ///
    /// - Parameters:
    ///   - first: the four bytes with which the first frame of sound begins.
    ///   - frames: samples of the track for each channel.
    /// - Returns: nil where a frame of this kind has no room for it.
    static func bytes(before first: UInt32, frames: Int) -> [UInt8]? {
        // Without padding and without a checksum.
        let word = first & ~(1 << 9) | 1 << 16
        guard let header = MPEGFrameHeader(word), header.length >= header.infoOffset + xingLength + lameLength else {
            return nil
        }
        // As LAME does at the end of a track: to whole frames, and at least its own delay.
        let begun = delay + frames
        var padding = header.samples - begun % header.samples
        if padding < delay { padding += header.samples }
        let count = (begun + padding) / header.samples
        let size = header.length * (count + 1)
        var bytes = word.bigEndianBytes
        bytes += [UInt8](repeating: 0, count: header.infoOffset - bytes.count)
        // Frames, bytes, table and quality follow; readers look for LAME's tag behind those that are named.
        bytes += Array("Info".utf8) + UInt32(0b1111).bigEndianBytes
        bytes += UInt32(clamping: count).bigEndianBytes + UInt32(clamping: size).bigEndianBytes
        // At a constant bit rate every hundredth of the time is one of the bytes.
        bytes += (0..<100).map { UInt8($0 * 256 / 100) }
        bytes += [0, 0, 0, 0]
        // Whose tag it is, a constant bit rate, and nothing of lowpass, peak and gains.
        bytes += Array("Lavc".utf8) + [UInt8](repeating: 0, count: 5) + [1] + [UInt8](repeating: 0, count: 11)
        bytes += UInt32(delay << 12 | padding).bigEndianBytes.dropFirst()
        bytes += [UInt8](repeating: 0, count: header.length - bytes.count)
        return bytes
    }
}
