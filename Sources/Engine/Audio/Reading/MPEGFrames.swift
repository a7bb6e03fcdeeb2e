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
    /// Bytes added to this frame so that the bitrate comes out.
    var padding: Int
    /// Whether a checksum of two bytes follows.
    var hasChecksum: Bool

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
        let slot = layer == 1 ? 4 : 1
        padding = Int(word >> 9 & 1) * slot
        hasChecksum = word >> 16 & 1 == 0
        if bitrateIndex == 0 {
            length = 0
        } else if layer == 1 {
            length = 12 * bitrate / sampleRate * 4 + padding
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

    /// Bytes of side information in a layer III frame.
    var sideLength: Int {
        switch (version, channels) {
        case (1, 2): 32
        case (1, _), (_, 2): 17
        default: 9
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

/// An MPEG audio stream frame by frame, so that the decoder gets nothing but frames.
///
/// A decoder that looks for frames itself takes any bits for a header once it has lost the stream, and plays noise at full
/// scale. Here a place that is no frame is damage: it is skipped and noted, the frame before it (which it cuts off) and the
/// frames behind it that borrow bits from it (ISO/IEC 11172-3, 2.4.2.7: `main_data_begin`) are handed out as silence.
struct MPEGFrames {
    /// A frame of the file.
    struct Frame {
        /// Where its header stands.
        var offset: Int
        /// Its header.
        var header: MPEGFrameHeader
        /// Whether its bits cannot be trusted.
        var isDamaged: Bool
    }

    /// The first frame's header.
    let first: MPEGFrameHeader
    /// Seconds that the frames so far last, encoder delay and padding included.
    private(set) var seconds = 0.0

    private let file: FileWindow
    private let end: Int
    private let freeLength: Int
    private let announcedFrames: Int?
    private var position: Int
    private var current: MPEGFrameHeader
    private var frames = 0
    private var damage: [(seconds: Double, bytes: Int)] = []
    private var endsInsideFrame = false
    private var hasInfoFrame: Bool
    /// Bytes that later frames may borrow from since the last damage; nil where nothing was damaged.
    private var reservoir: Int?

    /// Finds the stream in `range` of the file: at its very beginning (behind zeros), or, unless `isStrict`, somewhere in
    /// its first mebibyte.
    ///
    /// - Returns: nil when there is none.
    init?(_ file: FileWindow, in range: Range<Int>, isStrict: Bool) {
        let begin = file.firstNonZero(in: range)
        let limit = isStrict ? begin + 1 : begin + (1 << 20)
        guard let (start, freeLength) = Self.findStream(file, from: begin, limit: limit, end: range.upperBound),
            let header = Self.header(file, at: start, freeLength)
        else { return nil }
        self.file = file
        end = range.upperBound
        self.freeLength = freeLength
        first = header
        current = header
        announcedFrames = Self.announcedFrames(file, at: start, header: header)
        // libmpg123 knows the Xing and Info frames; a VBRI frame would be decoded as audio.
        let isVBRI = file.spells("VBRI", at: start + 36)
        position = isVBRI ? start + header.length : start
        hasInfoFrame = announcedFrames != nil && !isVBRI
    }

    /// The next frame (the first may be the Xing or Info frame, which holds no audio), or nil at the end.
    mutating func next() -> Frame? {
        while position < end {
            guard let header = continuation(at: position, after: current) else {
                guard skip() else { return nil }
                continue
            }
            let next = position + header.length
            guard next <= end else {
                endsInsideFrame = true
                return nil
            }
            defer {
                position = next
                current = header
            }
            if hasInfoFrame {
                hasInfoFrame = false
                return Frame(offset: position, header: header, isDamaged: false)
            }
            frames += 1
            seconds += Double(header.samples) / Double(header.sampleRate)
            let isCut =
                next < end && continuation(at: next, after: header) == nil
                && file.skipTags(from: next) == next && resumption(from: next) != nil
            return Frame(offset: position, header: header, isDamaged: borrowsFromDamage(header) || isCut)
        }
        return nil
    }

    /// What was wrong with the part that was walked, as sentences.
    var warnings: [String] {
        var warnings: [String] = []
        if let place = damage.first {
            let bytes = damage.reduce(0) { $0 + $1.bytes }
            let places = damage.count == 1 ? "1 damaged place" : "\(damage.count) damaged places"
            warnings.append(
                "The MP3 stream has \(places), \(damage.count == 1 ? "" : "the first ")at \(clock(place.seconds)): "
                    + "\(bytes) bytes were skipped, so the audio is silent for a moment or shorter there.")
        }
        let announced = announcedFrames.map { Double($0 * first.samples) / Double(first.sampleRate) }
        if let announced, let count = announcedFrames, frames < count, damage.isEmpty || endsInsideFrame {
            warnings.append(
                "The file is truncated: it announces \(clock(announced)) of audio and ends after \(clock(seconds)).")
        } else if endsInsideFrame {
            warnings.append("The file is truncated: it ends inside a frame, after \(clock(seconds)) of audio.")
        }
        return warnings
    }

    /// The header at `offset` if the stream goes on there; a change of format counts only if a second such frame follows.
    private func continuation(at offset: Int, after current: MPEGFrameHeader) -> MPEGFrameHeader? {
        guard let header = Self.header(file, at: offset, freeLength), header.length > 0 else { return nil }
        return header.continues(current) || isFollowed(header, at: offset) ? header : nil
    }

    /// Leaves a place that is no frame: over tags, else to the next frame.
    ///
    /// - Returns: false when there is none.
    private mutating func skip() -> Bool {
        let behindTags = min(end, file.skipTags(from: position))
        if behindTags > position {
            position = behindTags
            return true
        }
        if let (next, header) = resumption(from: position) {
            damage.append((seconds, next - position))
            position = next
            current = header
            reservoir = 0
            return true
        }
        // Zeros behind the last frame are padding.
        if file.firstNonZero(in: position..<end) < end { damage.append((seconds, end - position)) }
        position = end
        return false
    }

    /// The next frame behind a place that is none.
    private func resumption(from offset: Int) -> (offset: Int, header: MPEGFrameHeader)? {
        for next in (offset + 1)..<max(offset + 1, end) where file.byte(at: next) == 0xff {
            if let header = Self.header(file, at: next, freeLength), header.length > 0, isFollowed(header, at: next) {
                return (next, header)
            }
        }
        return nil
    }

    /// Whether the frame at `offset` is followed by another one of its kind, or by the end.
    private func isFollowed(_ header: MPEGFrameHeader, at offset: Int) -> Bool {
        Self.isFollowed(file, header, at: offset, end: end, freeLength)
    }

    /// Whether a layer III frame needs bits from before the last damage; keeps account of what there is since.
    private mutating func borrowsFromDamage(_ header: MPEGFrameHeader) -> Bool {
        guard let available = reservoir, header.layer == 3 else { return false }
        let side = position + (header.hasChecksum ? 6 : 4)
        let wanted =
            header.version == 1
            ? (file.number(at: side, bytes: 2, isBigEndian: true) ?? 0) >> 7 : Int(file.byte(at: side) ?? 0)
        let held = available + header.length - (side - position) - header.sideLength
        reservoir = held > 511 ? nil : held
        return wanted > available
    }
}

// MARK: - Looking for a stream

extension MPEGFrames {
    private static func header(_ file: FileWindow, at offset: Int, _ freeLength: Int) -> MPEGFrameHeader? {
        guard var header = file.word(at: offset).flatMap(MPEGFrameHeader.init) else { return nil }
        if header.length == 0, freeLength > 0 {
            header.length = freeLength + header.padding
        }
        return header
    }

    private static func isFollowed(
        _ file: FileWindow, _ header: MPEGFrameHeader, at offset: Int, end: Int, _ freeLength: Int
    ) -> Bool {
        let next = offset + header.length
        if next == end { return true }
        return next + 4 <= end && Self.header(file, at: next, freeLength)?.continues(header) ?? false
    }

    /// The first three frames in a row (or all up to the end) that start before `limit`, and the length of the frames
    /// where the stream's format is free.
    private static func findStream(
        _ file: FileWindow, from: Int, limit: Int, end: Int
    ) -> (start: Int, freeLength: Int)? {
        var position = from
        while position < min(limit, end) {
            defer { position += 1 }
            guard file.byte(at: position) == 0xff, let header = Self.header(file, at: position, 0) else { continue }
            let freeLength = header.length > 0 ? 0 : freeLength(file, header, at: position, end: end)
            guard let header = Self.header(file, at: position, freeLength), header.length > 0 else { continue }
            guard isFollowed(file, header, at: position, end: end, freeLength) else {
                // A single frame that is cut off, at the place where a stream has to begin.
                if position == from, position + header.length > end { return (position, freeLength) }
                continue
            }
            let next = position + header.length
            guard next < end, let second = Self.header(file, at: next, freeLength) else {
                return (position, freeLength)
            }
            let third = next + second.length
            if third + 4 > end || isFollowed(file, second, at: next, end: end, freeLength)
                || file.skipTags(from: third) > third
            {
                return (position, freeLength)
            }
        }
        return nil
    }

    /// How long the frames of a stream are that does not say so, without padding: the distance to the next header of its
    /// kind, if a third one stands where the fourth is expected; 0 when there is none.
    private static func freeLength(_ file: FileWindow, _ header: MPEGFrameHeader, at start: Int, end: Int) -> Int {
        for distance in 32..<min(16384, max(33, end - start - 4)) {
            guard file.byte(at: start + distance) == 0xff,
                let next = Self.header(file, at: start + distance, 0), next.length == 0, next.continues(header)
            else { continue }
            let length = distance - header.padding
            let third = start + distance + length + next.padding
            if third + 4 > end { return length }
            if let header = Self.header(file, at: third, 0), header.length == 0, header.continues(next) {
                return length
            }
        }
        return 0
    }

    /// The count in the Xing, Info or VBRI tag of the first frame.
    private static func announcedFrames(_ file: FileWindow, at start: Int, header: MPEGFrameHeader) -> Int? {
        guard header.layer == 3 else { return nil }
        let tag = start + header.infoOffset
        if file.spells("Xing", at: tag) || file.spells("Info", at: tag) {
            guard let flags = file.word(at: tag + 4), flags & 1 != 0 else { return nil }
            return file.number(at: tag + 8, bytes: 4, isBigEndian: true)
        }
        return file.spells("VBRI", at: start + 36) ? file.number(at: start + 36 + 14, bytes: 4, isBigEndian: true) : nil
    }
}
