import SeparationChoices

/// An output format: container, codec and sample width.
public enum AudioFormat: Sendable, Equatable {
    /// WAV, 16-bit integers.
    case wav16
    /// WAV, 24-bit integers.
    case wav24
    /// WAV, 32-bit floats.
    case float32
    /// FLAC with 16 or 24 bits a sample.
    case flac(bits: Int)
    /// MP3 at a constant bitrate (kbit/s, 8…320); preset 2 (best) … 7 (fastest).
    case mp3(bitrate: Int, preset: Int)

    /// The format of this name; what else it takes has its default.
    ///
    /// - Parameters:
    ///   - bits: of a FLAC sample.
    ///   - bitrate: of an MP3, in kbit/s.
    ///   - preset: the MP3 encoder's quality.
    public init(
        _ format: StemFormat, bits: Int = 16, bitrate: Int = SeparationDefaults.mp3Bitrate,
        preset: Int = SeparationDefaults.mp3Preset
    ) {
        self =
            switch format {
            case .wav: .wav16
            case .wav24: .wav24
            case .float32: .float32
            case .flac: .flac(bits: bits)
            case .mp3: .mp3(bitrate: bitrate, preset: preset)
            }
    }

    /// Its name, by which its file extension and its media type are known.
    public var name: StemFormat {
        switch self {
        case .wav16: .wav
        case .wav24: .wav24
        case .float32: .float32
        case .flac: .flac
        case .mp3: .mp3
        }
    }

    /// Bytes that a file of so many frames has, about: those of FLAC as if nothing could be compressed.
    public func bytes(frames: Int, channels: Int, sampleRate: Int) -> Int {
        switch self {
        case .wav16, .flac(bits: 16): frames * channels * 2
        case .wav24, .flac: frames * channels * 3
        case .float32: frames * channels * 4
        case .mp3(let bitrate, _): frames / max(1, sampleRate) * bitrate * 125 + bitrate * 125
        }
    }

    /// Refuses parameters that do not exist.
    ///
    /// - Throws: ``AudioError/invalidFormat(_:)``, a sentence naming the parameter, its value and the allowed ones.
    public func validate() throws {
        switch self {
        case .wav16, .wav24, .float32:
            break
        case .flac(let bits):
            guard bits == 16 || bits == 24 else {
                throw AudioError.invalidFormat("FLAC is written with 16 or 24 bits a sample, not with \(bits).")
            }
        case .mp3(let bitrate, let preset):
            guard (8...320).contains(bitrate) else {
                throw AudioError.invalidFormat("An MP3 bitrate is between 8 and 320 kbit/s; \(bitrate) is not.")
            }
            guard (2...7).contains(preset) else {
                throw AudioError.invalidFormat("An MP3 preset is between 2 (best) and 7 (fastest); \(preset) is not.")
            }
        }
    }
}
