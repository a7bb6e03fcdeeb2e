import CSndfile
import Foundation

/// WAV, FLAC, Ogg and AIFF through libsndfile, as floats.
final class SoundFileSource: SampleSource {
    private let handle: OpaquePointer
    private let path: String
    private let format: StreamFormat
    private let announcedFrames: Int
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var readFrames = 0
    private(set) var warnings: [String] = []

    private static let blockFrames = 4096

    /// Opens the file.
    ///
    /// - Parameter announcedFrames: how many frames the file's header announces, where that is more than libsndfile knows.
    /// - Throws: ``AudioError/undecodable(path:reason:)`` when libsndfile refuses it.
    init(_ url: URL, announcedFrames: Int? = nil) throws {
        path = url.path
        var info = SF_INFO()
        guard let handle = sf_open(path, Int32(SFM_READ), &info) else {
            throw AudioError.undecodable(path: path, reason: soundFileReason(nil))
        }
        guard info.samplerate > 0, info.channels > 0 else {
            sf_close(handle)
            throw AudioError.undecodable(path: path, reason: "it names no sample rate or no channels")
        }
        self.handle = handle
        format = StreamFormat(sampleRate: Int(info.samplerate), channels: Int(info.channels))
        self.announcedFrames = max(announcedFrames ?? 0, info.frames == Int64.max ? 0 : Int(info.frames))
        buffer = .allocate(capacity: Self.blockFrames * format.channels)
    }

    deinit {
        sf_close(handle)
        buffer.deallocate()
    }

    func next() throws -> SampleBlock? {
        let frames = Int(sf_readf_float(handle, buffer.baseAddress, sf_count_t(Self.blockFrames)))
        guard frames > 0 else {
            try finish()
            return nil
        }
        readFrames += frames
        return SampleBlock(
            samples: UnsafeBufferPointer(rebasing: buffer[..<(frames * format.channels)]), format: format)
    }

    private func finish() throws {
        let failed = sf_error(handle) != SF_ERR_NO_ERROR
        let reason = soundFileReason(handle)
        if readFrames == 0, failed { throw AudioError.undecodable(path: path, reason: reason) }
        guard warnings.isEmpty, failed || readFrames < announcedFrames else { return }
        let end = clock(Double(readFrames) / Double(format.sampleRate))
        let whole = clock(Double(announcedFrames) / Double(format.sampleRate))
        warnings.append(
            readFrames < announcedFrames
                ? "The file is truncated or damaged: it announces \(whole) of audio and ends after \(end)."
                : "The file is damaged (\(reason)); reading ended after \(end).")
    }
}

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
