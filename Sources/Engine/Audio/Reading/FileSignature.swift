/// What a file is, judged by its first bytes; its name is never asked.
enum FileSignature: Equatable {
    /// WAV, FLAC, Ogg, AIFF and their relatives, read by libsndfile.
    case soundFile
    /// Possibly an MPEG audio stream; ``MPEGSurvey`` decides.
    case maybeMPEG
    /// A known format that is not read here.
    case unsupported(String)
    /// Certainly no audio; what it is.
    case other(String)

    /// Looks at the file's beginning.
    init(_ file: FileWindow) {
        self = Self.containers(file) ?? Self.others(file) ?? .maybeMPEG
    }

    private static func containers(_ file: FileWindow) -> FileSignature? {
        let behindTags = MPEGSurvey.skipTags(file, from: 0)
        for text in ["fLaC", "OggS", "FORM", "RF64", "RIFX", "caff", ".snd", "riff"] as [StaticString]
        where file.spells(text, at: 0) {
            return .soundFile
        }
        if file.spells("fLaC", at: behindTags) { return .soundFile }
        if file.spells("RIFF", at: 0) {
            return file.spells("WAVE", at: 8) ? .soundFile : .unsupported("an AVI video or another RIFF container")
        }
        if file.spells("ftyp", at: 4) { return .unsupported("an MP4, M4A or MOV container") }
        switch file.word(at: 0) {
        case 0x1a45_dfa3: return .unsupported("a Matroska or WebM container")
        case 0x3026_b275: return .unsupported("a WMA, WMV or ASF container")
        case 0x0000_01ba, 0x0000_01b3: return .unsupported("an MPEG video")
        default: break
        }
        if file.spells("FLV", at: 0) { return .unsupported("a Flash video") }
        if file.spells("MAC ", at: 0) { return .unsupported("Monkey's Audio") }
        if file.spells("wvpk", at: 0) { return .unsupported("WavPack") }
        if file.spells("ADIF", at: 0) { return .unsupported("AAC") }
        if isTransportStream(file) { return .unsupported("an MPEG transport stream") }
        if let word = file.word(at: behindTags), word >> 20 == 0xfff, word >> 17 & 3 == 0 { return .unsupported("AAC") }
        return nil
    }

    private static func others(_ file: FileWindow) -> FileSignature? {
        if file.spells("%PDF", at: 0) { return .other("a PDF document") }
        if file.spells("GIF8", at: 0) { return .other("a picture") }
        switch file.word(at: 0) {
        case 0x8950_4e47, 0xffd8_ffe0, 0xffd8_ffe1: return .other("a picture")
        case 0x504b_0304: return .other("a ZIP archive")
        case .some(let word) where word >> 16 == 0x1f8b: return .other("a gzip archive")
        default: break
        }
        let head = file.bytes(at: 0, length: 4096)
        let isText = head.allSatisfy { $0 >= 0x20 && $0 != 0xff || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
        return isText && String(validating: head.dropLast(min(3, head.count - 1)), as: UTF8.self) != nil
            ? .other("text") : nil
    }

    private static func isTransportStream(_ file: FileWindow) -> Bool {
        file.size > 188 * 3 && (0..<4).allSatisfy { file.byte(at: $0 * 188) ?? 0x47 == 0x47 }
    }
}
