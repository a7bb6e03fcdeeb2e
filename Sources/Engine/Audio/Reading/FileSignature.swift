import Foundation

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

/// Random access to a file's bytes through one small buffer, so that scanning a file does not map it into memory.
final class FileWindow {
    /// The file's size in bytes.
    let size: Int
    private let descriptor: Int32
    private let buffer: UnsafeMutablePointer<UInt8>
    private var start = 0
    private var count = 0
    private static let capacity = 1 << 16

    /// Opens the file.
    ///
    /// - Throws: ``AudioError/cannotOpen(path:reason:)``, also for a folder.
    init(_ url: URL) throws {
        descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw AudioError.cannotOpen(path: url.path, reason: String(cString: strerror(errno)))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw AudioError.cannotOpen(path: url.path, reason: "it is not a regular file")
        }
        size = Int(status.st_size)
        buffer = .allocate(capacity: Self.capacity)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    /// The byte at `offset`, or nil beyond the end (or where the disk fails).
    func byte(at offset: Int) -> UInt8? {
        if offset < start || offset >= start + count {
            guard offset >= 0, offset < size else { return nil }
            count = max(0, pread(descriptor, buffer, Self.capacity, off_t(offset)))
            start = offset
            guard count > 0 else { return nil }
        }
        return buffer[offset - start]
    }

    /// `length` bytes from `offset` on, or fewer at the end.
    func bytes(at offset: Int, length: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(length)
        for index in offset..<offset + length {
            guard let byte = byte(at: index) else { break }
            result.append(byte)
        }
        return result
    }

    /// Four bytes as a big-endian number, or nil where fewer are left.
    func word(at offset: Int) -> UInt32? {
        guard let last = byte(at: offset + 3), let a = byte(at: offset), let b = byte(at: offset + 1),
            let c = byte(at: offset + 2)
        else { return nil }
        return UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(last)
    }

    /// Whether the bytes from `offset` on spell `text` (ASCII).
    func spells(_ text: StaticString, at offset: Int) -> Bool {
        text.withUTF8Buffer { wanted in
            wanted.indices.allSatisfy { byte(at: offset + $0) == wanted[$0] }
        }
    }
}
