import CSndfile
import Foundation

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
            floats.append(contentsOf: samples.lazy.map(PCM.limited))
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
