import Audio
import Foundation

/// MP3 files: tags, frame headers, and what mpg123 makes of the rest.
enum MPEGTarget: FuzzTarget {
    static let name = "mp3"

    static func run(_ input: Data) throws { try decode(input) }
}

/// WAV, AIFF, FLAC and Ogg files.
enum SoundFileTarget: FuzzTarget {
    static let name = "sound-file"
    static var anatomy: (any Anatomy)? { SoundAnatomy() }

    static func run(_ input: Data) throws { try decode(input) }
}

/// Everything else that FFmpeg's libraries open, and the walks over WAV chunks and Ogg pages before them.
enum MediaTarget: FuzzTarget {
    static let name = "media"
    static var anatomy: (any Anatomy)? { SoundAnatomy() }

    static func run(_ input: Data) throws {
        try input.write(to: file)
        defer { unlink(file.path) }
        // Whoever has no sound may still have tags.
        if let tags = TrackTags(file) {
            precondition(tags.fields.count <= 100 && tags.fields.allSatisfy { $0.text.utf8.count <= 20_000 })
        }
        try decode(input)
    }
}

private let file = URL(filePath: "/dev/shm/msaas-fuzz-\(ProcessInfo.processInfo.processIdentifier)")

/// Decodes to the end, but no further than a minute: a header may promise samples for days.
private func decode(_ input: Data) throws {
    try input.write(to: file)
    defer { unlink(file.path) }
    let reader = try AudioReader(file, sampleRate: 44100, channels: 2)
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: 8192) { buffer in
        for _ in 0..<650 {
            let frames = try reader.read(into: buffer)
            precondition(frames >= 0 && frames <= buffer.count / 2)
            guard frames > 0 else { return }
            precondition(buffer[..<(frames * 2)].allSatisfy(\.isFinite))
        }
    }
    precondition(reader.warnings.allSatisfy { !$0.isEmpty })
}
