import Untrusted

/// What a walk over an MPEG stream's frame headers found: how much audio there is, and where the file is damaged.
///
/// The decoder resynchronises silently; this tells the person what was lost. Only headers are read, no audio is decoded.
struct MPEGSurvey: Equatable {
    /// Where the first frame starts, behind tags and junk.
    var start = 0
    /// The first frame's header.
    var first: MPEGFrameHeader
    /// Frames of audio, without the Xing or Info frame.
    var frames = 0
    /// Seconds that these frames last (encoder delay and padding included).
    var seconds = 0.0
    /// Frames that the Xing, Info or VBRI tag announces.
    var announcedFrames: Int?
    /// Places where bytes that are no frame had to be skipped: seconds from the start, and how many bytes.
    var damage: [(seconds: Double, bytes: Int)] = []
    /// Whether the last frame is cut off.
    var endsInsideFrame = false

    static func == (a: MPEGSurvey, b: MPEGSurvey) -> Bool {
        a.start == b.start && a.frames == b.frames && a.announcedFrames == b.announcedFrames
            && a.damage.map(\.bytes) == b.damage.map(\.bytes) && a.endsInsideFrame == b.endsInsideFrame
    }

    /// Walks over the file; nil when it holds no MPEG audio.
    init?(_ file: FileWindow) {
        let begin = Self.skipTags(file, from: 0)
        guard let start = Self.findFrame(file, from: begin, limit: begin + (1 << 20), strict: true),
            let header = file.word(at: start).flatMap(MPEGFrameHeader.init)
        else { return nil }
        self.start = start
        first = header
        guard header.length > 0 else { return }
        walk(file)
    }

    /// The damage as sentences for the person who gave the file.
    var warnings: [String] {
        var warnings: [String] = []
        if let place = damage.first {
            let bytes = damage.reduce(0) { $0 + $1.bytes }
            let places = damage.count == 1 ? "1 damaged place" : "\(damage.count) damaged places"
            warnings.append(
                "The MP3 stream has \(places), \(damage.count == 1 ? "" : "the first ")at \(clock(place.seconds)): "
                    + "\(bytes) bytes were skipped, so the audio may click or be shorter there.")
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

    private mutating func walk(_ file: FileWindow) {
        var position = start
        var current = first
        if let announced = Self.announcedFrames(file, at: start, header: first) {
            announcedFrames = announced
            position += first.length
        }
        while position < file.size {
            if let header = Self.header(file, at: position, after: current) {
                guard position + header.length <= file.size else {
                    endsInsideFrame = true
                    return
                }
                frames += 1
                seconds += Double(header.samples) / Double(header.sampleRate)
                position += header.length
                current = header
                continue
            }
            let behindTags = Self.skipTags(file, from: position)
            if behindTags > position {
                position = behindTags
            } else if let next = Self.findFrame(file, from: position, limit: file.size, strict: false) {
                damage.append((seconds, next - position))
                position = next
                if let header = file.word(at: next).flatMap(MPEGFrameHeader.init) { current = header }
            } else {
                return
            }
        }
    }

    /// The header at `position` if the stream goes on there; a change of format counts only if a second such frame follows.
    private static func header(_ file: FileWindow, at position: Int, after current: MPEGFrameHeader) -> MPEGFrameHeader?
    {
        guard let header = file.word(at: position).flatMap(MPEGFrameHeader.init), header.length > 0 else { return nil }
        return header.continues(current) || isFollowed(file, header, at: position) ? header : nil
    }

    /// Whether the frame at `position` is followed by another one of its kind, or by the end of the file.
    private static func isFollowed(_ file: FileWindow, _ header: MPEGFrameHeader, at position: Int) -> Bool {
        let next = position + header.length
        if next == file.size { return true }
        return file.word(at: next).flatMap(MPEGFrameHeader.init)?.continues(header) ?? false
    }

    /// The first frame at or behind `from`.
    ///
    /// - Parameter strict: wants three frames in a row (or all up to the end), so that other files are not mistaken for MP3.
    private static func findFrame(_ file: FileWindow, from: Int, limit: Int, strict: Bool) -> Int? {
        var position = from
        while position < min(limit, file.size) {
            defer { position += 1 }
            guard file.byte(at: position) == 0xff,
                let header = file.word(at: position).flatMap(MPEGFrameHeader.init)
            else { continue }
            if header.length == 0 {
                if strict && position == from { return position }
                continue
            }
            guard isFollowed(file, header, at: position) else {
                let isCutOff = position + header.length > file.size && position == from
                if isCutOff { return position }
                continue
            }
            let next = position + header.length
            guard strict, next < file.size, let second = file.word(at: next).flatMap(MPEGFrameHeader.init),
                second.length > 0
            else { return position }
            let third = next + second.length
            if third + 4 > file.size || isFollowed(file, second, at: next) { return position }
            if skipTags(file, from: third) > third { return position }
        }
        return nil
    }

    /// Behind the ID3v2, ID3v1, APE and Lyrics3 tags that start at `from`.
    static func skipTags(_ file: FileWindow, from: Int) -> Int {
        var position = from
        while position < file.size {
            if file.spells("ID3", at: position), let size = id3Size(file, at: position) {
                position += size
            } else if file.spells("TAG", at: position), position + 128 == file.size {
                position += 128
            } else if file.spells("APETAGEX", at: position) {
                let header = file.bytes(at: position, length: 32)
                guard header.count == 32 else { return position }
                let size = (0..<4).reduce(0) { $0 | Int(header[12 + $1]) << (8 * $1) }
                let hasHeader = header[23] & 0x20 != 0  // This is the tag's header; its size does not count itself.
                position += hasHeader ? 32 + size : 32
            } else if file.spells("LYRICSBEGIN", at: position) {
                position = file.size - (file.spells("TAG", at: file.size - 128) ? 128 : 0)
            } else {
                break
            }
        }
        return min(position, file.size)
    }

    private static func id3Size(_ file: FileWindow, at position: Int) -> Int? {
        let header = file.bytes(at: position, length: 10)
        guard header.count == 10, header[3] < 0xff, header[6...9].allSatisfy({ $0 < 0x80 }) else { return nil }
        let size = header[6...9].reduce(0) { $0 << 7 | Int($1) }
        return 10 + size + (header[5] & 0x10 != 0 ? 10 : 0)
    }

    private static func announcedFrames(_ file: FileWindow, at start: Int, header: MPEGFrameHeader) -> Int? {
        guard header.layer == 3 else { return nil }
        let tag = start + header.infoOffset
        if file.spells("Xing", at: tag) || file.spells("Info", at: tag) {
            guard let flags = file.word(at: tag + 4), flags & 1 != 0, let count = file.word(at: tag + 8) else {
                return nil
            }
            return Int(count)
        }
        if file.spells("VBRI", at: start + 36), let count = file.word(at: start + 36 + 14) { return Int(count) }
        return nil
    }
}

/// Seconds as minutes and seconds, such as `3:07.5`. A header may announce more of them than there are.
func clock(_ seconds: Double) -> String {
    let tenths = Int(clamping: (seconds * 10).rounded())
    let rest = tenths % 600
    return "\(tenths / 600):\(rest < 100 ? "0" : "")\(rest / 10).\(rest % 10)"
}

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
