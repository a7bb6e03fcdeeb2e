/// What the header of a WAV file announces. libsndfile believes the file's length instead, so it cannot say that a file was
/// cut off.
struct WaveHeader {
    /// Frames that the header announces.
    let frames: Int

    /// Reads the header of an uncompressed WAV or RF64 file; nil for everything else, and where the length was not known
    /// when the header was written.
    init?(_ file: FileWindow) {
        let isLong = file.spells("RF64", at: 0)
        guard isLong || file.spells("RIFF", at: 0), file.spells("WAVE", at: 8) else { return nil }
        var (frameSize, longSize, offset) = (0, 0, 12)
        while let size = file.number(at: offset + 4, bytes: 4) {
            let body = offset + 8
            if file.spells("ds64", at: offset) {
                longSize = file.number(at: body + 8, bytes: 8) ?? 0
            } else if file.spells("fmt ", at: offset) {
                let isPlain = [1, 3, 0xfffe].contains(file.number(at: body, bytes: 2))
                frameSize = isPlain ? file.number(at: body + 12, bytes: 2) ?? 0 : 0
            } else if file.spells("data", at: offset) {
                // Programs that write to a pipe put 0 or one of several very large numbers there.
                let bytes = isLong && size == 0xffff_ffff ? longSize : size < 0x7fff_f000 ? size : 0
                guard frameSize > 0, bytes > 0 else { return nil }
                frames = bytes / frameSize
                return
            }
            offset = body + size + size % 2
        }
        return nil
    }
}

extension FileWindow {
    /// A little-endian number of at most eight bytes, or nil where fewer are left or it is negative.
    fileprivate func number(at offset: Int, bytes count: Int) -> Int? {
        var value: UInt64 = 0
        for index in (0..<count).reversed() {
            guard let byte = byte(at: offset + index) else { return nil }
            value = value << 8 | UInt64(byte)
        }
        return Int(exactly: value)
    }
}
