/// Where the samples of a WAV, RF64 or BW64 file are, whatever its header says about it.
///
/// Headers are often wrong: programs that write to a pipe, or that were killed, leave 0 or a very large number as the length;
/// beyond 4 GiB the number wraps; some forget the byte that pads an odd chunk. So the chunks are walked here, and the decoder
/// gets a header that is right (``header``) in front of the data.
struct WaveFile {
    /// The body of the `fmt ` chunk.
    let format: [UInt8]
    /// Where the audio data is.
    let data: Range<Int>
    /// What the header says that there is of it, in bytes; nil where it does not know.
    let announcedBytes: Int?
    /// What was repaired, as a sentence.
    let note: String?
    private let isBigEndian: Bool

    /// Reads the chunks in `content`; nil for what is no such file, or has no format or no data.
    init?(_ file: FileWindow, in content: Range<Int>) {
        let start = content.lowerBound
        let isLong = file.spells("RF64", at: start) || file.spells("BW64", at: start)
        isBigEndian = file.spells("RIFX", at: start)
        guard isLong || isBigEndian || file.spells("RIFF", at: start), file.spells("WAVE", at: start + 8) else {
            return nil
        }
        let chunks = Chunks(file: file, isBigEndian: isBigEndian, end: content.upperBound)
        var longSize: Int?
        var format: [UInt8] = []
        var offset = start + 12
        while let chunk = chunks.chunk(at: offset) {
            if chunk.name == "ds64" { longSize = file.number(at: chunk.body + 8, bytes: 8) }
            if chunk.name == "fmt " { format = file.bytes(at: chunk.body, length: min(chunk.size, 64)) }
            guard chunk.name == "data" else {
                offset = chunks.next(after: chunk)
                continue
            }
            guard format.count >= 14 else { return nil }
            let riffEnd = start + 8 + (chunks.number(at: start + 4) ?? 0)
            let isUnknown = isLong && chunk.size == 0xffff_ffff && longSize == nil
            let size = isLong && chunk.size == 0xffff_ffff ? longSize ?? .max : chunk.size
            let length =
                isUnknown
                ? (bytes: max(0, content.upperBound - chunk.body), announced: nil, note: nil)
                : chunks.dataLength(size, at: chunk.body, riffEnd: isLong ? nil : riffEnd)
            self.format = format
            // A piece of a frame at the end is none; blocks of other codecs are the decoder's business.
            let isPCM = [1, 3, 0xfffe].contains(Self.number(format, at: 0, isBigEndian))
            let frame = isPCM ? max(1, Self.number(format, at: 12, isBigEndian)) : 1
            data = chunk.body..<(chunk.body + length.bytes / frame * frame)
            announcedBytes = length.announced
            note = length.note
            return
        }
        return nil
    }

    /// The codec: `wFormatTag`, or the sub-format of an extensible header.
    var codec: Int {
        let tag = Self.number(format, at: 0, isBigEndian)
        return tag == 0xfffe && format.count >= 26 ? Self.number(format, at: 24, isBigEndian) : tag
    }

    /// What part of the announced audio is there; 1 where nothing is missing.
    var presentPart: Double {
        let frame = max(1, Self.number(format, at: 12, isBigEndian))
        guard let announcedBytes, announcedBytes / frame > data.count / frame else { return 1 }
        return Double(data.count) / Double(announcedBytes)
    }

    /// A header for a decoder that reads up to the end of what it is given.
    var header: [UInt8] {
        func size(_ value: Int) -> [UInt8] {
            let bytes = withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian) { [UInt8]($0) }
            return isBigEndian ? bytes.reversed() : bytes
        }
        let unknown = size(0xffff_ffff)
        return Array((isBigEndian ? "RIFX" : "RIFF").utf8) + unknown + Array("WAVEfmt ".utf8) + size(format.count)
            + format
            + (format.count % 2 == 1 ? [0] : []) + Array("data".utf8) + unknown
    }

    private static func number(_ format: [UInt8], at offset: Int, _ isBigEndian: Bool) -> Int {
        isBigEndian
            ? Int(format[offset]) << 8 | Int(format[offset + 1]) : Int(format[offset + 1]) << 8 | Int(format[offset])
    }
}

/// The chunks of a RIFF file.
private struct Chunks {
    let file: FileWindow
    let isBigEndian: Bool
    let end: Int

    struct Chunk {
        var name: String
        var body: Int
        var size: Int
    }

    func number(at offset: Int) -> Int? { file.number(at: offset, bytes: 4, isBigEndian: isBigEndian) }

    /// The chunk whose name stands at `offset`; nil at the end, and where no name stands there.
    func chunk(at offset: Int) -> Chunk? {
        let name = file.bytes(at: offset, length: 4)
        guard offset + 8 <= end, name.count == 4, name.allSatisfy({ (0x20...0x7e).contains($0) }),
            let size = number(at: offset + 4)
        else { return nil }
        return Chunk(name: String(decoding: name, as: UTF8.self), body: offset + 8, size: size)
    }

    /// Where the chunk behind `chunk` starts: at an even distance, unless the byte that makes it even was forgotten.
    func next(after chunk: Chunk) -> Int {
        let end = chunk.body + chunk.size
        guard chunk.size % 2 == 1 else { return end }
        return self.chunk(at: end + 1) == nil && self.chunk(at: end) != nil ? end : end + 1
    }

    /// How much audio there is where the header says `size`.
    func dataLength(
        _ size: Int, at start: Int, riffEnd: Int?
    ) -> (bytes: Int, announced: Int?, note: String?) {
        let available = max(0, end - start)
        // Programs that write to a pipe put one of several very large numbers there.
        if size >= 0x7fff_f000, size > available, size <= 0xffff_ffff { return (available, nil, nil) }
        if size > available { return (available, size, nil) }
        if size == 0 {
            if available == 0 || isChunk(at: start) { return (0, nil, nil) }
            return (available, nil, "The file was never closed (its header says that it is empty); all of it was read.")
        }
        let behind = start + size
        let wrap = 1 << 32
        for whole in stride(from: size + wrap, through: available, by: wrap)
        where start + whole == end || isChunk(at: start + whole) {
            return (whole, nil, "The file is longer than its header can say (4 GiB); all of it was read.")
        }
        let isConsistent = riffEnd.map { abs($0 - behind) <= 1 } ?? true
        if isConsistent || behind == end || isChunk(at: behind) || isChunk(at: behind + 1)
            || file.firstNonZero(in: behind..<min(end, behind + 4096)) == min(end, behind + 4096)
        {
            return (size, size, nil)
        }
        return (available, nil, "The file is longer than its header says; all of it was read.")
    }

    /// Whether a chunk that fits into the file starts at `offset`.
    private func isChunk(at offset: Int) -> Bool {
        guard let chunk = chunk(at: offset) else { return false }
        return chunk.body + chunk.size <= end + 1
    }
}
