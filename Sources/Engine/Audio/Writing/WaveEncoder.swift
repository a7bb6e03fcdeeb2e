import CSndfile
import Foundation

/// Turns interleaved float frames into a file's bytes.
protocol AudioEncoder: AnyObject {
    /// Encodes whole frames. Where the format ends at ±1, samples beyond are limited to it; NaN becomes 0.
    func encode(_ samples: UnsafeBufferPointer<Float>) throws

    /// Writes what is left; the file is complete.
    func finish() throws
}

/// How floats become integers.
public enum Quantisation: Sendable {
    /// As the reference's `_pcm_bytes` and `i16_pcm` do it: limited to ±1, scaled by the largest positive value, and cut
    /// off towards zero.
    case reference
    /// What is read back is what was written: samples are multiples of 1 / 32768 (of 24 bits: 1 / 8388608) already.
    case exact

    func int16(_ sample: Float) -> Int16 {
        switch self {
        case .reference: Int16(limited(sample) * 32767)
        case .exact: Int16(max(-32768, min(32767, (limited(sample) * 32768).rounded())))
        }
    }

    /// 24 bits in the upper part of 32.
    func int24(_ sample: Float) -> Int32 {
        switch self {
        case .reference: Int32(limited(sample) * 8_388_607) << 8
        case .exact: Int32(max(-8_388_608, min(8_388_607, (limited(sample) * 8_388_608).rounded()))) << 8
        }
    }

    /// Limited to ±1; NaN becomes 0.
    private func limited(_ sample: Float) -> Float {
        let limited = sample < -1 ? -1 : sample > 1 ? 1 : sample
        return limited == limited ? limited : 0
    }
}

/// WAV through libsndfile, with the track's tags behind the samples.
final class WaveEncoder: AudioEncoder {
    private enum Width { case int16, int24, float32 }

    private var handle: OpaquePointer?
    private let descriptor: Int32
    private let path: String
    private let channels: Int
    private let width: Width
    private let isHuge: Bool
    private let quantisation: Quantisation
    private let tags: TrackTags?
    private var shorts: [Int16] = []
    private var longs: [Int32] = []
    private var floats: [Float] = []

    /// Begins a file in `descriptor`, which stays the caller's.
    ///
    /// - Parameters:
    ///   - path: what to call it in errors.
    ///   - frames: how many frames will come, where that is known: beyond 4 GB a WAV has to be an RF64.
    init(
        _ descriptor: Int32, path: String, format: AudioFormat, sampleRate: Int, channels: Int, frames: Int?,
        quantisation: Quantisation, tags: TrackTags?
    ) throws {
        self.descriptor = descriptor
        self.path = path
        self.channels = channels
        self.quantisation = quantisation
        self.tags = tags
        let bits: Int32
        switch format {
        case .wav24: (width, bits) = (.int24, Int32(SF_FORMAT_PCM_24))
        case .float32: (width, bits) = (.float32, Int32(SF_FORMAT_FLOAT))
        default: (width, bits) = (.int16, Int32(SF_FORMAT_PCM_16))
        }
        let bytesPerSample = width == .int16 ? 2 : width == .int24 ? 3 : 4
        isHuge = (frames ?? 0) * channels * bytesPerSample > Int(UInt32.max) - 4096
        var info = SF_INFO()
        info.samplerate = Int32(sampleRate)
        info.channels = Int32(channels)
        info.format = Int32(isHuge ? SF_FORMAT_RF64 : SF_FORMAT_WAV) | bits
        guard let handle = sf_open_fd(descriptor, Int32(SFM_WRITE), &info, Int32(SF_FALSE)) else {
            throw AudioError.cannotWrite(path: path, reason: reason)
        }
        self.handle = handle
        // A PEAK chunk holds the time of writing; without it the same samples give the same bytes.
        sf_command(handle, Int32(SFC_SET_ADD_PEAK_CHUNK), nil, Int32(SF_FALSE))
    }

    deinit {
        if let handle { sf_close(handle) }
    }

    func encode(_ samples: UnsafeBufferPointer<Float>) throws {
        let frames = sf_count_t(samples.count / channels)
        let written: sf_count_t
        switch width {
        case .int16:
            shorts.removeAll(keepingCapacity: true)
            shorts.append(contentsOf: samples.lazy.map(quantisation.int16))
            written = sf_writef_short(handle, shorts, frames)
        case .int24:
            longs.removeAll(keepingCapacity: true)
            longs.append(contentsOf: samples.lazy.map(quantisation.int24))
            written = sf_writef_int(handle, longs, frames)
        case .float32:
            floats.removeAll(keepingCapacity: true)
            floats.append(contentsOf: samples.lazy.map { $0.isFinite ? $0 : 0 })
            written = sf_writef_float(handle, floats, frames)
        }
        guard written == frames else { throw failure }
    }

    func finish() throws {
        guard let handle else { return }
        let failure = sf_error(handle) == SF_ERR_NO_ERROR ? nil : failure
        self.handle = nil
        let code = sf_close(handle)
        if let failure { throw failure }
        if code != 0 { throw AudioError.cannotWrite(path: path, reason: String(cString: sf_error_number(code))) }
        if let tags { try append(tags) }
    }

    /// The tags as a chunk `id3 `, which is where players look for titles and pictures in a WAV file, and the file's new length
    /// in its header: in the first chunk's, or in that of `ds64` (EBU Tech 3306).
    private func append(_ tags: TrackTags) throws {
        var tag = try MediaEncoder.id3(tags, path: path)
        if tag.count % 2 == 1 { tag.append(0) }
        let end = Int(lseek(descriptor, 0, SEEK_END))
        let length = end + 8 + tag.count - 8
        guard end > 0, isHuge || length <= Int(UInt32.max) else { return }
        var chunk = [UInt8]("id3 ".utf8)
        chunk.append(contentsOf: UInt32(tag.count).littleEndianBytes)
        chunk.append(contentsOf: tag)
        try writeAll(descriptor, chunk, count: chunk.count, path: path)
        let size = isHuge ? UInt64(length).littleEndianBytes : UInt32(length).littleEndianBytes
        guard pwrite(descriptor, size, size.count, isHuge ? 20 : 4) == size.count else {
            throw AudioError.writing(path)
        }
    }

    private var failure: AudioError {
        let failure = AudioError.writing(path)
        if case .diskFull = failure { return failure }
        return .cannotWrite(path: path, reason: reason)
    }

    /// What libsndfile says about its last error, as the end of a sentence.
    private var reason: String {
        var reason = String(cString: sf_strerror(handle))
        if reason.hasPrefix("System error : ") { reason.removeFirst("System error : ".count) }
        while reason.last == "." { reason.removeLast() }
        return reason
    }
}

extension FixedWidthInteger {
    /// The bytes, the lowest first.
    var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
    /// The bytes, the highest first.
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

/// Writes `count` bytes, however many calls that takes.
///
/// - Throws: ``AudioError/cannotWrite(path:reason:)``.
func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawPointer, count: Int, path: String) throws {
    var done = 0
    while done < count {
        let written = write(descriptor, bytes + done, count - done)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { throw AudioError.writing(path) }
        done += written
    }
}
