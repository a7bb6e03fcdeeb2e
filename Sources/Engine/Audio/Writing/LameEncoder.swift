import CLame
import Foundation

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
