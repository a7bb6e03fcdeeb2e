import Foundation

/// Why a file could not be read or written; the description is a sentence for the person who gave the file.
public enum AudioError: Error, Equatable, CustomStringConvertible {
    /// There is no file at `path`, or it cannot be opened (`reason` from the system).
    case cannotOpen(path: String, reason: String)
    /// The file holds no bytes.
    case empty(path: String)
    /// The bytes are a container or a codec that is known but not read here; `format` is its name.
    case unsupported(path: String, format: String)
    /// The bytes are no audio at all; `looksLike` says what they are, where that is known.
    case notAudio(path: String, looksLike: String?)
    /// The file has the form of audio, but decoding failed before its first sample (`reason` from the decoder).
    case undecodable(path: String, reason: String)
    /// The file is well-formed and holds not a single sample.
    case noSamples(path: String)
    /// The stream has more than one channel and fewer than are wanted, for which no mapping is defined.
    case tooFewChannels(path: String, channels: Int, wanted: Int)
    /// The stream has fewer or more frames a second than ``AudioLimits`` allow.
    case sampleRate(path: String, rate: Int, allowed: ClosedRange<Int>)
    /// The stream goes on after the `seconds` that ``AudioLimits`` allow.
    case tooLong(path: String, seconds: Double)
    /// There is no channel of this number or name; `present` names the layout.
    case noSuchChannel(path: String, channel: String, present: String)
    /// An output file could not be written.
    case cannotWrite(path: String, reason: String)
    /// An output file could not be written for want of space, or of permission to grow (`reason` from the system).
    case diskFull(path: String, reason: String)
    /// An output format that does not exist, such as an MP3 of 999 kbit/s.
    case invalidFormat(String)

    /// A full sentence with the file's name and what to do.
    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "\(path) cannot be opened: \(reason)."
        case .empty(let path):
            "\(path) is empty (0 bytes); upload or copy the file again."
        case .unsupported(let path, let format):
            "\(path) is \(format), which is not read here; convert it to WAV or FLAC first."
        case .notAudio(let path, let looksLike?):
            "\(path) is \(looksLike); there is no audio in it."
        case .notAudio(let path, nil):
            "\(path) is not audio: nothing in it has the form of MP3, WAV, FLAC, AAC, Ogg or another known format."
        case .undecodable(let path, let reason):
            "\(path) cannot be decoded: \(reason)."
        case .noSamples(let path):
            "\(path) holds no audio samples."
        case .tooFewChannels(let path, let channels, let wanted):
            "\(path) has \(channels) channels, and the model needs \(wanted); convert it to mono or to \(wanted) channels."
        case .sampleRate(let path, let rate, let allowed):
            "\(path) has \(rate) samples a second, and only \(allowed.lowerBound) to \(allowed.upperBound) are read here; "
                + "convert it to 44100 first."
        case .tooLong(let path, let seconds):
            "\(path) lasts longer than \(clock(seconds)), the most that is read here; cut it into parts."
        case .noSuchChannel(let path, let channel, let present):
            "\(path) has no channel \(channel); its channels are \(present)."
        case .cannotWrite(let path, let reason), .diskFull(let path, let reason):
            "\(path) cannot be written: \(reason)."
        case .invalidFormat(let sentence):
            sentence
        }
    }
}

extension AudioError {
    /// Why the system did not write to `path`; `code` is its `errno`.
    static func writing(_ path: String, code: Int32 = errno) -> AudioError {
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOSPC, EDQUOT, EFBIG: .diskFull(path: path, reason: reason)
        default: .cannotWrite(path: path, reason: reason)
        }
    }
}
