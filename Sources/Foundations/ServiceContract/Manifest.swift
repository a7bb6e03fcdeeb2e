import Foundation

/// One stem in the output bucket.
public struct StemRecord: Codable, Sendable, Equatable {
    /// The stem's name: `drums`, `vocals`, `no_vocals`, …
    public var name: String
    /// The object's key below `{job}/`: `vocals.wav`, or `attempt-2/vocals.wav` when an earlier attempt was abandoned.
    /// Always take the key from ``key(of:)``.
    public var file: String
    /// Bytes.
    public var size: Int
    /// The object's entity tag, without quotes.
    public var eTag: String
    /// The media type: `audio/wav`, `audio/flac`, `audio/mpeg`, `audio/mp4` or `audio/ogg`.
    public var contentType: String
    /// Frames in it; nil where that is not known.
    public var frames: Int?
    /// Its peaks, where there are some.
    public var peaks: PeaksRecord?

    /// A stem that was stored.
    public init(
        name: String, file: String, size: Int, eTag: String, contentType: String, frames: Int? = nil,
        peaks: PeaksRecord? = nil
    ) {
        self.name = name
        self.file = file
        self.size = size
        self.eTag = eTag
        self.contentType = contentType
        self.frames = frames
        self.peaks = peaks
    }

    /// The stem's key in the output bucket.
    public func key(of job: JobID) -> String { "\(job)/\(file)" }

    /// The keys of all objects that belong to it.
    public func keys(of job: JobID) -> [String] { [key(of: job)] + [peaks?.key(of: job)].compactMap { $0 } }

    /// `vocals.wav`: the file without the folder of its attempt.
    public var downloadName: String { file.unicodeScalars.split(separator: "/").last.map { String($0) } ?? name }
}

/// What the waveform of a stem is drawn from, in the output bucket: audiowaveform's binary format, version 2, in 16 bits with a
/// pixel for every 256 frames.
public struct PeaksRecord: Codable, Sendable, Equatable {
    /// The object's key below `{job}/`.
    public var file: String
    /// Bytes.
    public var size: Int
    /// The object's entity tag, without quotes.
    public var eTag: String

    /// Peaks that were stored.
    public init(file: String, size: Int, eTag: String) {
        self.file = file
        self.size = size
        self.eTag = eTag
    }

    /// Their key in the output bucket.
    public func key(of job: JobID) -> String { "\(job)/\(file)" }
}

/// What a finished job left in the output bucket; stored last, as `{job}/manifest.json`, so that its presence means
/// that every stem is complete.
public struct Manifest: Codable, Sendable, Equatable {
    /// The job.
    public var job: JobID
    /// The model that separated it.
    public var model: String
    /// The song's file name.
    public var filename: String
    /// The bucket of the song.
    public var bucket: String?
    /// The key of the song, not escaped.
    public var key: String?
    /// The song's length in seconds.
    public var duration: Double
    /// Frames a second of every stem.
    public var sampleRate: Int
    /// The stems, in the model's order.
    public var stems: [StemRecord]
    /// The song itself as the model heard it, in the rate and length of the stems; nil where it was not kept.
    public var original: StemRecord?
    /// How long the separation took, in seconds.
    public var separationSeconds: Double
    /// What the listener should know, as sentences.
    public var warnings: [String]
    /// What of the song the model's sources do not add up to, in dB of the song's power; there when all were separated.
    public var remainder: Double?
    /// When the stems were complete.
    public var finishedAt: Date
    /// Whose job it is: a key's name; nil when it is nobody's.
    public var owner: String?

    /// A manifest of these stems.
    public init(
        job: JobID, model: String, filename: String, duration: Double, sampleRate: Int, stems: [StemRecord],
        original: StemRecord? = nil, separationSeconds: Double, warnings: [String] = [], remainder: Double? = nil,
        finishedAt: Date = Date(), owner: String? = nil, bucket: String? = nil, key: String? = nil
    ) {
        self.bucket = bucket
        self.key = key
        self.owner = owner
        self.job = job
        self.model = model
        self.filename = filename
        self.duration = duration
        self.sampleRate = sampleRate
        self.stems = stems
        self.original = original
        self.separationSeconds = separationSeconds
        self.warnings = warnings
        self.remainder = remainder
        self.finishedAt = finishedAt
    }

    /// The manifest's key in the output bucket.
    public static func key(of job: JobID) -> String { "\(job)/manifest.json" }

    /// The keys of all objects in the output bucket that make up the job, but the manifest's own.
    public var keys: [String] { (stems + [original].compactMap { $0 }).flatMap { $0.keys(of: job) } }

    /// Reads what ``encoded()`` wrote.
    public init(json: Data) throws {
        self = try JSONDecoder.contract.decode(Manifest.self, from: json)
    }

    /// The manifest as JSON with sorted keys and ISO 8601 times: the same bytes for the same value.
    public func encoded() throws -> Data {
        let encoder = JSONEncoder.contract
        encoder.outputFormatting.insert(.prettyPrinted)
        return try encoder.encode(self)
    }
}
