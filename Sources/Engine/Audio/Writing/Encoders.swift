import CLame
import CSndfile
import Foundation

/// Turns interleaved float frames into a file's bytes.
protocol AudioEncoder: AnyObject {
    /// Encodes whole frames. Where the format ends at ±1, samples beyond are limited to it; NaN becomes 0.
    func encode(_ samples: UnsafeBufferPointer<Float>) throws

    /// Writes what is left and closes the file.
    func finish() throws
}

/// Floats to integers as the reference's `_pcm_bytes` and `i16_pcm` do it: limit to ±1, scale by the largest
/// positive value, and cut off towards zero.
enum PCM {
    /// Limited to ±1; NaN becomes 0.
    static func limited(_ sample: Float) -> Float {
        let limited = sample < -1 ? -1 : sample > 1 ? 1 : sample
        return limited == limited ? limited : 0
    }

    /// 16 bits.
    static func int16(_ sample: Float) -> Int16 { Int16(limited(sample) * 32767) }

    /// 24 bits in the upper part of 32.
    static func int24(_ sample: Float) -> Int32 { Int32(limited(sample) * 8_388_607) << 8 }
}

/// WAV and FLAC through libsndfile.
final class SoundFileEncoder: AudioEncoder {
    private enum Width { case int16, int24, float32 }

    private var handle: OpaquePointer?
    private let path: String
    private let channels: Int
    private let width: Width
    private var shorts: [Int16] = []
    private var longs: [Int32] = []
    private var floats: [Float] = []

    /// Opens `path` for writing.
    ///
    /// - Parameter frames: how many frames will come, where that is known: beyond 4 GB a WAV has to be an RF64.
    init(path: String, format: AudioFormat, sampleRate: Int, channels: Int, frames: Int?) throws {
        self.path = path
        self.channels = channels
        let bits: Int32
        switch format {
        case .wav24, .flac(bits: 24): (width, bits) = (.int24, Int32(SF_FORMAT_PCM_24))
        case .float32: (width, bits) = (.float32, Int32(SF_FORMAT_FLOAT))
        default: (width, bits) = (.int16, Int32(SF_FORMAT_PCM_16))
        }
        let bytesPerSample = width == .int16 ? 2 : width == .int24 ? 3 : 4
        let isHuge = (frames ?? 0) * channels * bytesPerSample > Int(UInt32.max) - 4096
        var container = Int32(isHuge ? SF_FORMAT_RF64 : SF_FORMAT_WAV)
        if case .flac = format { container = Int32(SF_FORMAT_FLAC) }
        var info = SF_INFO()
        info.samplerate = Int32(sampleRate)
        info.channels = Int32(channels)
        info.format = container | bits
        guard let handle = sf_open(path, Int32(SFM_WRITE), &info) else {
            throw AudioError.cannotWrite(path: path, reason: soundFileReason(nil))
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
            shorts.append(contentsOf: samples.lazy.map(PCM.int16))
            written = sf_writef_short(handle, shorts, frames)
        case .int24:
            longs.removeAll(keepingCapacity: true)
            longs.append(contentsOf: samples.lazy.map(PCM.int24))
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
        sf_write_sync(handle)
        let failure = sf_error(handle) == SF_ERR_NO_ERROR ? nil : failure
        self.handle = nil
        let code = sf_close(handle)
        if let failure { throw failure }
        if code != 0 { throw AudioError.cannotWrite(path: path, reason: String(cString: sf_error_number(code))) }
    }

    private var failure: AudioError {
        let failure = AudioError.writing(path)
        if case .diskFull = failure { return failure }
        return .cannotWrite(path: path, reason: soundFileReason(handle))
    }
}

/// What libsndfile says about its last error, as the end of a sentence.
func soundFileReason(_ handle: OpaquePointer?) -> String {
    var reason = String(cString: sf_strerror(handle))
    if reason.hasPrefix("System error : ") { reason.removeFirst("System error : ".count) }
    while reason.last == "." { reason.removeLast() }
    return reason
}

/// MP3 through LAME, at a constant bitrate, from 16-bit samples as the reference makes them.
///
/// The first frame is LAME's info tag with delay and padding, so that a decoder gives exactly the frames written.
final class LameEncoder: AudioEncoder {
    private let lame: OpaquePointer
    private let path: String
    private let channels: Int
    private let descriptor: Int32
    private var shorts: [Int16] = []
    private var bytes: [UInt8] = []

    /// Opens `path` for writing.
    ///
    /// - Throws: ``AudioError`` when the file cannot be opened or LAME refuses the parameters.
    init(path: String, bitrate: Int, preset: Int, sampleRate: Int, channels: Int) throws {
        guard channels <= 2 else {
            throw AudioError.invalidFormat("An MP3 has one or two channels, not \(channels); choose WAV or FLAC.")
        }
        self.path = path
        self.channels = channels
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw AudioError.writing(path)
        }
        guard let lame = lame_init() else {
            close(descriptor)
            throw AudioError.cannotWrite(path: path, reason: "LAME does not start")
        }
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        self.descriptor = descriptor
        self.lame = lame
        lame_set_errorf(lame, nil)
        lame_set_debugf(lame, nil)
        lame_set_msgf(lame, nil)
        lame_set_in_samplerate(lame, Int32(sampleRate))
        lame_set_num_channels(lame, Int32(channels))
        lame_set_brate(lame, Int32(bitrate))
        lame_set_quality(lame, Int32(preset))
        lame_set_bWriteVbrTag(lame, 1)
        guard lame_init_params(lame) >= 0 else {
            throw AudioError.invalidFormat("LAME has no MP3 of \(bitrate) kbit/s at \(sampleRate) Hz.")
        }
    }

    deinit {
        lame_close(lame)
        close(descriptor)
    }

    func encode(_ samples: UnsafeBufferPointer<Float>) throws {
        let frames = samples.count / channels
        shorts.removeAll(keepingCapacity: true)
        shorts.append(contentsOf: samples.lazy.map(PCM.int16))
        try emit(room: frames * 5 / 4 + 7200) { output, room in
            shorts.withUnsafeMutableBufferPointer { input in
                channels == 2
                    ? lame_encode_buffer_interleaved(lame, input.baseAddress, Int32(frames), output, room)
                    : lame_encode_buffer(lame, input.baseAddress, input.baseAddress, Int32(frames), output, room)
            }
        }
    }

    func finish() throws {
        try emit(room: 7200) { lame_encode_flush(lame, $0, $1) }
        let size = lame_get_lametag_frame(lame, nil, 0)
        guard size > 0 else { return }
        bytes = [UInt8](repeating: 0, count: size)
        let written = lame_get_lametag_frame(lame, &bytes, size)
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw failure }
        try write(written)
    }

    /// Lets LAME fill `bytes` and appends them to the file.
    private func emit(room: Int, _ body: (UnsafeMutablePointer<UInt8>, Int32) -> Int32) throws {
        if bytes.count < room { bytes = [UInt8](repeating: 0, count: room) }
        let count = bytes.withUnsafeMutableBufferPointer { body($0.baseAddress!, Int32($0.count)) }
        guard count >= 0 else { throw AudioError.cannotWrite(path: path, reason: "LAME failed with code \(count)") }
        try write(Int(count))
    }

    private func write(_ count: Int) throws {
        try writeAll(descriptor, bytes, count: count, path: path)
    }

    private var failure: AudioError { .writing(path) }
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
