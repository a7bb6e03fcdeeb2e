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
