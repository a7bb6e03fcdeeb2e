import CSoxr

/// Band-limited conversion from one sample rate to another, block by block (libsoxr, very high quality).
///
/// `n` frames become `⌊n · to / from⌋`, but at least one, as with the reference's `resample_frac`.
final class Resampler {
    private let soxr: OpaquePointer
    private let channels: Int
    private let from: Int
    private let to: Int
    private var consumed = 0
    private var produced = 0

    /// A converter for interleaved frames of `channels` samples.
    init(from: Int, to: Int, channels: Int) throws {
        self.from = from
        self.to = to
        self.channels = channels
        var error: soxr_error_t?
        var io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I)
        var quality = soxr_quality_spec(UInt(SOXR_VHQ), 0)
        var runtime = soxr_runtime_spec(1)
        guard let soxr = soxr_create(Double(from), Double(to), UInt32(channels), &error, &io, &quality, &runtime) else {
            let reason = error.map { String(cString: $0) } ?? "unknown"
            throw AudioError.invalidFormat("Cannot convert from \(from) Hz to \(to) Hz: \(reason).")
        }
        self.soxr = soxr
    }

    deinit { soxr_delete(soxr) }

    /// Takes frames from `input` and puts frames into `output`, until one of them is used up.
    func process(
        _ input: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
    ) throws -> (consumed: Int, produced: Int) {
        var taken = 0
        var given = 0
        let error = soxr_process(
            soxr, input.baseAddress, input.count / channels, &taken, output.baseAddress, output.count / channels, &given
        )
        try check(error)
        consumed += taken
        produced += given
        return (taken, given)
    }

    /// After the last input: the frames still owed, 0 once all are out.
    func drain(into output: UnsafeMutableBufferPointer<Float>) throws -> Int {
        guard consumed > 0 else { return 0 }
        let owed = max(1, consumed * to / from) - produced
        let room = min(owed, output.count / channels)
        guard room > 0 else { return 0 }
        var given = 0
        try check(soxr_process(soxr, nil, 0, nil, output.baseAddress, room, &given))
        if given < room { output[(given * channels)..<(room * channels)].update(repeating: 0) }
        produced += room
        return room
    }

    private func check(_ error: soxr_error_t?) throws {
        if let error { throw AudioError.invalidFormat("Resampling failed: \(String(cString: error)).") }
    }
}
