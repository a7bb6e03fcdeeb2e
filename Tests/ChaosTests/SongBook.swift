import Foundation
import HTTPTransport
import ServiceClient
import TestSupport

/// Songs that are uploaded again and again, and what their stems are when nothing is in the way; and files that must fail,
/// each in its own way.
struct SongBook: Sendable {
    struct Song: Sendable {
        let name: String
        let file: URL
        var options: [String: String] = [:]
        /// The bytes of each stem, by its name; empty for what can never be separated.
        var stems: [String: Data] = [:]
        var isSound = true
    }

    /// The limits of a job that the chaos gives its workers, which the last songs exceed.
    static let limits = [
        "MSAAS_MAX_SONG_SECONDS": "8", "MSAAS_MAX_SONG_MB": "1", "MSAAS_MAX_WORK_SECONDS": "60",
        "MSAAS_SAMPLE_RATES": "4000-192000",
    ]

    private(set) var songs: [Song] = []

    /// Songs whose stems are known, and others.
    var sound: [Int] { songs.indices.filter { songs[$0].isSound } }
    var unsound: [Int] { songs.indices.filter { !songs[$0].isSound } }

    /// Cuts short songs out of the demo song, into `folder`, and makes files beside them that are no songs or too much.
    init(folder: URL) throws {
        let kinds: [(start: Int, seconds: Int, options: [String: String])] = [
            (0, 1, [:]), (3, 2, ["format": "flac"]), (8, 3, ["two_stems": "vocals"]), (15, 1, ["format": "wav24"]),
            (20, 4, ["clip_mode": "clamp"]), (30, 2, ["format": "mp3"]),
        ]
        for (index, kind) in kinds.enumerated() {
            let file = folder.appending(path: "song\(index).mp3")
            try Self.cut(from: kind.start, seconds: kind.seconds, to: file, "-c", "copy")
            // Shifts are drawn for each job, and its stems with them.
            songs.append(
                Song(name: file.lastPathComponent, file: file, options: kind.options.merging(["shifts": "0"]) { $1 }))
        }
        try addUnsound(folder)
    }

    private mutating func addUnsound(_ folder: URL) throws {
        func file(_ name: String, _ bytes: Data) throws -> URL {
            let file = folder.appending(path: name)
            try bytes.write(to: file)
            return file
        }
        func number(_ value: UInt64, _ count: Int) -> Data {
            withUnsafeBytes(of: value.littleEndian) { Data($0.prefix(count)) }
        }
        let noise = Data((0..<600).map { UInt8(truncatingIfNeeded: 7 &* $0 &+ $0 / 9) })
        // What begins like a song and is none.
        let letter = try file("letter.mp3", Data("RIFF".utf8) + noise)
        // 144 bytes that announce 2^62 frames.
        let format = number(1, 2) + number(1, 2) + number(8000, 4) + number(8000, 4) + number(1, 2) + number(8, 2)
        let lengths = number(1 << 62, 8) + number(1 << 62, 8) + number(1 << 62, 8) + number(0, 4)
        let lie = try file(
            "lie.wav",
            Data("RF64".utf8) + number(0xffff_ffff, 4) + Data("WAVEds64".utf8) + number(28, 4) + lengths
                + Data("fmt ".utf8) + number(16, 4) + format + Data("data".utf8) + number(0xffff_ffff, 4))
        // 42 bytes of FLAC that claim 1 Hz and hours.
        let endless = try file(
            "endless.flac",
            Data("fLaC".utf8)
                + Data([0x80, 0, 0, 34, 0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0xf0, 0, 1, 0xfa, 0x40])
                + Data(count: 16))
        let long = folder.appending(path: "long.mp3")
        try Self.cut(from: 0, seconds: 12, to: long, "-c", "copy")
        let large = folder.appending(path: "large.wav")
        try Self.cut(from: 0, seconds: 7, to: large, "-ar", "96000")
        let slow = folder.appending(path: "slow.wav")
        try Self.cut(from: 0, seconds: 2, to: slow, "-ar", "2000")
        for (name, file, options) in [
            ("no audio", letter, [:]), ("RF64 that lies", lie, [:]), ("endless FLAC", endless, [:]),
            ("too long", long, [:]),
            ("too large", large, [:]), ("wrong rate", slow, [:]),
            ("too much work", songs[1].file, ["shifts": "10", "overlap": "0.9"]),
            ("damaged model", songs[0].file, ["model": "damaged"]),
            ("unknown stem", songs[0].file, ["two_stems": "tuba"]),
        ] {
            songs.append(Song(name: name, file: file, options: options, isSound: false))
        }
    }

    private static func cut(from start: Int, seconds: Int, to file: URL, _ how: String...) throws {
        let demo = Places.repository.appending(path: "models/starter/demo/song.mp3")
        let ffmpeg = Process()
        ffmpeg.executableURL = URL(filePath: "/usr/bin/env")
        ffmpeg.arguments =
            ["ffmpeg", "-loglevel", "error", "-y", "-ss", "\(start)", "-t", "\(seconds)", "-i", demo.path] + how + [
                file.path
            ]
        try ffmpeg.run()
        ffmpeg.waitUntilExit()
    }

    /// A folder of models: the shipped one, and one whose checkpoint is damaged.
    static func makeModels(in folder: URL) throws {
        try FileManager.default.createDirectory(
            at: folder.appending(path: "damaged"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "starter"),
            withDestinationURL: Places.repository.appending(path: "models/starter"))
        try Data("models: [damaged]\n".utf8).write(to: folder.appending(path: "damaged/damaged.yaml"))
        let sound = try Data(contentsOf: Places.repository.appending(path: "models/starter/starter.safetensors"))
        try sound.prefix(4096).write(to: folder.appending(path: "damaged/damaged.safetensors"))
    }

    /// Separates every song once.
    mutating func learn(from client: ServiceClient, folder: URL) async throws {
        for index in sound {
            let job = try await client.upload(songs[index].file, options: songs[index].options)
            let status = try await client.follow(job, update: { _ in })
            for stem in status.stems {
                let file = try await client.download(stem, of: job, to: folder.appending(path: "\(index)"))
                songs[index].stems[stem.name] = try Data(contentsOf: file)
            }
        }
    }
}
