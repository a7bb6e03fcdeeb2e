import CMPG123
import Foundation

/// MP3 (and MP1, MP2) through libmpg123, as floats, encoder delay and padding trimmed.
final class MPEGSource: SampleSource {
    private let handle: OpaquePointer
    private let path: String
    private let survey: MPEGSurvey
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var format: StreamFormat?
    private var decodedFrames = 0
    private var failures = 0
    private var failureNote: String?

    private static let isInitialized = mpg123_init() == MPG123_OK.rawValue

    /// Opens the stream that `survey` found.
    ///
    /// - Throws: ``AudioError/undecodable(path:reason:)`` when the decoder refuses the file.
    init(_ url: URL, survey: MPEGSurvey) throws {
        path = url.path
        self.survey = survey
        var code: Int32 = 0
        guard Self.isInitialized, let handle = mpg123_new(nil, &code) else {
            throw AudioError.undecodable(path: path, reason: String(cString: mpg123_plain_strerror(code)))
        }
        self.handle = handle
        buffer = .allocate(capacity: 2 * 1152 * 8)
        let flags =
            MPG123_QUIET.rawValue | MPG123_GAPLESS.rawValue | MPG123_FORCE_FLOAT.rawValue
            | MPG123_SKIP_ID3V2.rawValue
        mpg123_param2(handle, Int32(MPG123_ADD_FLAGS.rawValue), Int(flags), 0)
        mpg123_param2(handle, Int32(MPG123_RESYNC_LIMIT.rawValue), -1, 0)
        guard mpg123_open(handle, path) == MPG123_OK.rawValue else {
            throw AudioError.undecodable(path: path, reason: reason)
        }
    }

    deinit {
        mpg123_delete(handle)
        buffer.deallocate()
    }

    var warnings: [String] { survey.warnings + [failureNote].compactMap { $0 } }

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
