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
    /// AAC in an MPEG-4 file (kbit/s, 8…320).
    case m4a(bitrate: Int)
    /// Opus in an Ogg file (kbit/s, 8…320).
    case opus(bitrate: Int)
    /// Vorbis in an Ogg file, with the quality that gives about this bitrate (kbit/s, 8…320).
    case vorbis(bitrate: Int)
    /// A file of Native Instruments' Stems: the track and four stems, AAC of this bitrate each (kbit/s, 8…320).
    case stemFile(bitrate: Int)

    /// The format of this name; what else it takes has its default.
    ///
    /// - Parameters:
    ///   - bits: of a FLAC sample.
    ///   - bitrate: of a lossy format, in kbit/s.
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
            case .m4a: .m4a(bitrate: bitrate)
            case .opus: .opus(bitrate: bitrate)
            case .ogg: .vorbis(bitrate: bitrate)
            case .stemFile: .stemFile(bitrate: bitrate)
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
        case .m4a: .m4a
        case .opus: .opus
        case .vorbis: .ogg
        case .stemFile: .stemFile
        }
    }

    /// Frames a second that a file of this format can have, the nearest above what is wanted, or else the highest.
    public func sampleRate(for wanted: Int) -> Int {
        let rates: [Int]
        switch self {
        case .wav16, .wav24, .float32, .flac: return wanted
        case .vorbis: return min(max(wanted, 8000), 192_000)
        case .opus: return 48_000
        case .mp3: rates = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
        case .m4a, .stemFile:
            rates = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000]
        }
        return rates.first { $0 >= wanted } ?? rates.last ?? wanted
    }

    /// At least as many bits a sample as a track has, where the format knows integers of several widths.
    public func holding(_ depth: SampleDepth) -> AudioFormat {
        switch (self, depth) {
        case (.wav16, .int24): .wav24
        case (.wav16, .float32), (.wav24, .float32): .float32
        case (.flac, .int24), (.flac, .float32): .flac(bits: 24)
        default: self
        }
    }

    /// Steps from 0 to full scale of a sample; nil for floats, and where samples do not come back as they were.
    public var steps: Double? {
        switch self {
        case .wav16, .flac(bits: 16): 32_768
        case .wav24, .flac: 8_388_608
        case .float32, .mp3, .m4a, .opus, .vorbis, .stemFile: nil
        }
    }

    /// Bytes that a file of so many frames has, about: those of FLAC as if nothing could be compressed.
    public func bytes(frames: Int, channels: Int, sampleRate: Int) -> Int {
        func lossy(_ bitrate: Int) -> Int { frames / max(1, sampleRate) * bitrate * 125 + bitrate * 125 }
        return switch self {
        case .wav16, .flac(bits: 16): frames * channels * 2
        case .wav24, .flac: frames * channels * 3
        case .float32: frames * channels * 4
        case .mp3(let bitrate, _), .m4a(let bitrate), .opus(let bitrate), .vorbis(let bitrate),
            .stemFile(let bitrate):
            lossy(bitrate)
        }
    }

    /// Refuses parameters that do not exist.
    ///
    /// - Throws: ``AudioError/invalidFormat(_:)``, a sentence naming the parameter, its value and the allowed ones.
    public func validate() throws {
        func check(_ bitrate: Int, of name: String) throws {
            guard (8...320).contains(bitrate) else {
                throw AudioError.invalidFormat("\(name) bitrate is between 8 and 320 kbit/s; \(bitrate) is not.")
            }
        }
        switch self {
        case .wav16, .wav24, .float32:
            break
        case .flac(let bits):
            guard bits == 16 || bits == 24 else {
                throw AudioError.invalidFormat("FLAC is written with 16 or 24 bits a sample, not with \(bits).")
            }
        case .mp3(let bitrate, let preset):
            try check(bitrate, of: "An MP3")
            guard (2...7).contains(preset) else {
                throw AudioError.invalidFormat("An MP3 preset is between 2 (best) and 7 (fastest); \(preset) is not.")
            }
        case .m4a(let bitrate), .stemFile(let bitrate): try check(bitrate, of: "An AAC")
        case .opus(let bitrate): try check(bitrate, of: "An Opus")
        case .vorbis(let bitrate): try check(bitrate, of: "A Vorbis")
        }
    }
}

/// How precise a file's samples are.
public enum SampleDepth: Sendable, Equatable {
    /// Integers of at most 16 bits.
    case int16
    /// Integers of at most 24 bits.
    case int24
    /// Floats, or integers of more bits.
    case float32
}
