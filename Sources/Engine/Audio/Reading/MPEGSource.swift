import CMPG123
import Foundation

/// MP3 (and MP1, MP2) through libmpg123, as floats, encoder delay and padding trimmed.
///
/// The decoder reads from ``MPEGFrames`` and so meets nothing but frames; one that is damaged reaches it as the same frame
/// without bits, which is silence of the same length.
final class MPEGSource: SampleSource {
    private let handle: OpaquePointer
    private let path: String
    private let feed: Feed
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var format: StreamFormat?
    private var decodedFrames = 0
    private var failures = 0
    private var failureNote: String?

    private static let isInitialized = mpg123_init() == MPG123_OK.rawValue

    /// Opens a stream.
    ///
    /// - Throws: ``AudioError/undecodable(path:reason:)`` when the decoder refuses it.
    init(_ file: FileWindow, frames: MPEGFrames) throws {
        path = file.path
        feed = Feed(file, frames)
        var code: Int32 = 0
        guard Self.isInitialized, let handle = mpg123_new(nil, &code) else {
            throw AudioError.undecodable(path: path, reason: String(cString: mpg123_plain_strerror(code)))
        }
        self.handle = handle
        buffer = .allocate(capacity: 2 * 1152 * 8)
        let flags =
            MPG123_QUIET.rawValue | MPG123_GAPLESS.rawValue | MPG123_FORCE_FLOAT.rawValue
            | MPG123_SEEKBUFFER.rawValue  // It looks ahead for the length of frames in free format.
        mpg123_param2(handle, Int32(MPG123_ADD_FLAGS.rawValue), Int(flags), 0)
        mpg123_param2(handle, Int32(MPG123_RESYNC_LIMIT.rawValue), -1, 0)
        mpg123_replace_reader_handle(
            handle,
            { feed, target, count in
                guard let feed, let target else { return -1 }
                let room = UnsafeMutableRawBufferPointer(start: target, count: count)
                return Unmanaged<Feed>.fromOpaque(feed).takeUnretainedValue().read(into: room)
            }, { _, _, _ in -1 }, nil)
        guard mpg123_open_handle(handle, Unmanaged.passUnretained(feed).toOpaque()) == MPG123_OK.rawValue else {
            throw AudioError.undecodable(path: path, reason: reason)
        }
    }

    deinit {
        mpg123_delete(handle)
        buffer.deallocate()
    }

    var depth: SampleDepth? { nil }

    var warnings: [String] { feed.frames.warnings + [failureNote].compactMap { $0 } }

    func next() throws -> SampleBlock? {
        while true {
            var bytes = 0
            let code = mpg123_read(handle, buffer.baseAddress, buffer.count * MemoryLayout<Float>.stride, &bytes)
            let decodedIn = format
            if code == MPG123_NEW_FORMAT.rawValue { readFormat() }
            if bytes > 0 {
                failures = 0
                if format == nil { readFormat() }
                guard let format = decodedIn ?? format else { return nil }
                let count = bytes / MemoryLayout<Float>.stride
                decodedFrames += count / format.channels
                return SampleBlock(samples: UnsafeBufferPointer(rebasing: buffer[..<count]), format: format)
            }
            switch code {
            case MPG123_OK.rawValue, MPG123_NEW_FORMAT.rawValue:
                continue
            case MPG123_DONE.rawValue:
                return nil
            default:
                guard try survive() else { return nil }
            }
        }
    }

    /// Whether decoding can go on after an error.
    private func survive() throws -> Bool {
        let code = mpg123_errcode(handle)
        failures += 1
        let isAtEnd = code == MPG123_RESYNC_FAIL.rawValue || code == MPG123_DONE.rawValue
        if isAtEnd || failures > 100 {
            if decodedFrames == 0 { throw AudioError.undecodable(path: path, reason: reason) }
            if !isAtEnd { failureNote = "Decoding stopped early: \(reason)." }
            return false
        }
        return true
    }

    private func readFormat() {
        var rate = 0
        var channels: Int32 = 0
        var encoding: Int32 = 0
        guard mpg123_getformat(handle, &rate, &channels, &encoding) == MPG123_OK.rawValue, rate > 0, channels > 0 else {
            return
        }
        format = StreamFormat(sampleRate: rate, channels: Int(channels))
    }

    private var reason: String { String(cString: mpg123_strerror(handle)) }
}

/// The frames' bytes, one after the other, as the decoder asks for them.
private final class Feed {
    private(set) var frames: MPEGFrames
    private let file: FileWindow
    private var bytes: [UInt8] = []
    private var taken = 0

    init(_ file: FileWindow, _ frames: MPEGFrames) {
        self.file = file
        self.frames = frames
    }

    /// Fills `target` as far as there are frames; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count {
            if taken == bytes.count {
                guard let frame = frames.next() else { break }
                bytes = file.bytes(at: frame.offset, length: frame.header.length)
                taken = 0
                if frame.isDamaged { silence(frame.header) }
            }
            let count = min(bytes.count - taken, target.count - filled)
            bytes[taken..<(taken + count)].withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(from: $0)
            }
            taken += count
            filled += count
        }
        return filled
    }

    /// Leaves the frame its header, and says that it has no checksum. In layer III nothing is borrowed and no granule has any
    /// bits; what the frame holds for the next ones stays. In the other layers no band has any.
    private func silence(_ header: MPEGFrameHeader) {
        if bytes.count > 1 { bytes[1] |= 1 }
        // Without the checksum everything begins two bytes earlier; the bits for later frames stay at the frame's end.
        let end = header.layer == 3 ? 4 + (header.hasChecksum ? 2 : 0) + header.sideLength : bytes.count
        for index in 4..<max(4, min(end, bytes.count)) { bytes[index] = 0 }
    }
}
