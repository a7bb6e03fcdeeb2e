/// How stems are written.
public enum StemFormat: String, Codable, Sendable, CaseIterable {
    /// WAV, 16 bits.
    case wav
    /// WAV, 24 bits.
    case wav24
    /// WAV, 32-bit floating point.
    case float32
    /// FLAC, 16 bits.
    case flac
    /// MP3 of constant bit rate.
    case mp3

    /// The end of the file name.
    public var fileExtension: String {
        switch self {
        case .wav, .wav24, .float32: "wav"
        case .flac: "flac"
        case .mp3: "mp3"
        }
    }

    /// The media type.
    public var contentType: String {
        switch self {
        case .wav, .wav24, .float32: "audio/wav"
        case .flac: "audio/flac"
        case .mp3: "audio/mpeg"
        }
    }
}

/// What to do with samples beyond full scale; as the flag of the reference's command line.
public enum ClipMode: String, Codable, Sendable, CaseIterable {
    /// Scale the whole stem down when a sample would clip.
    case rescale
    /// Cut at full scale.
    case clamp
    /// Leave them.
    case none
}

/// How `no_{stem}` is made when two stems are asked for; as the flag of the reference's command line.
public enum OtherMethod: String, Codable, Sendable, CaseIterable {
    /// Do not make it.
    case none
    /// The sum of the other stems.
    case add
    /// The song minus the stem.
    case minus
}
