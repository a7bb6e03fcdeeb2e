import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceClient
import ServiceContract
import TestSupport

/// Songs that are uploaded again and again, and what their stems are when nothing is in the way.
struct SongBook: Sendable {
    struct Song: Sendable {
        let file: URL
        let options: [String: String]
        /// The bytes of each stem, by its name.
        var stems: [String: Data] = [:]
    }

    private(set) var songs: [Song] = []

    /// Cuts short songs out of the demo song, into `folder`.
    init(folder: URL) throws {
        let demo = Places.repository.appending(path: "models/starter/demo/song.mp3")
        let kinds: [(start: Int, seconds: Int, options: [String: String])] = [
            (0, 1, [:]), (3, 2, ["format": "flac"]), (8, 3, ["two_stems": "vocals"]), (15, 1, ["format": "wav24"]),
            (20, 4, ["clip_mode": "clamp"]), (30, 2, ["format": "mp3"]),
        ]
        for (index, kind) in kinds.enumerated() {
            let file = folder.appending(path: "song\(index).mp3")
            let cut = Process()
            cut.executableURL = URL(filePath: "/usr/bin/env")
            cut.arguments = [
                "ffmpeg", "-loglevel", "error", "-y", "-ss", "\(kind.start)", "-t", "\(kind.seconds)", "-i", demo.path,
                "-c", "copy", file.path,
            ]
            try cut.run()
            cut.waitUntilExit()
            // Shifts are drawn for each job, and its stems with them.
            songs.append(Song(file: file, options: kind.options.merging(["shifts": "0"]) { $1 }))
        }
        // What begins like a song and is none fails with a reason.
        let letter = folder.appending(path: "letter.mp3")
        try Data("RIFF".utf8 + (0..<600).map { UInt8(truncatingIfNeeded: 7 &* $0 &+ $0 / 9) }).write(to: letter)
        songs.append(Song(file: letter, options: [:]))
    }

    /// Separates every song once.
    mutating func learn(from client: ServiceClient, folder: URL) async throws {
        for index in songs.indices {
            let job = try await client.upload(songs[index].file, options: songs[index].options)
            guard let status = try? await client.follow(job, update: { _ in }) else { continue }
            for stem in status.stems {
                let file = try await client.download(stem, of: job, to: folder.appending(path: "\(index)"))
                songs[index].stems[stem.name] = try Data(contentsOf: file)
            }
        }
    }
}

/// Uploads that the service has accepted.
actor Load {
    struct Upload: Sendable {
        let job: JobID
        let song: Int
        let key: String
    }

    private(set) var accepted: [Upload] = []
    private(set) var refused = 0
    private let book: SongBook
    private let client: ServiceClient
    private let storage: S3Client

    init(book: SongBook, client: ServiceClient, storage: S3Client) {
        self.book = book
        self.client = client
        self.storage = storage
    }

    /// Uploads one song, through the function or straight into the bucket. Where the service cannot take it, its client
    /// is told so; nothing is promised then.
    func upload(_ number: Int, song: Int, straight: Bool) async {
        let entry = book.songs[song]
        do {
            if straight {
                let key = "straight/\(number).mp3"
                let metadata = entry.options.reduce(into: [:]) { $0[$1.key.replacing("_", with: "-")] = $1.value }
                let put = try await storage.put(
                    "queue", key, body: .bytes(try Data(contentsOf: entry.file)), metadata: metadata)
                let head = try await storage.head("queue", key)
                let write = ObjectWrite(
                    bucket: "queue", key: key, eTag: put.eTag, lastModified: head?.lastModified, size: put.size)
                let id = Job(write: write, options: try JobOptions(metadata: metadata)).id
                accepted.append(Upload(job: id, song: song, key: key))
            } else {
                let job = try await client.upload(entry.file, options: entry.options)
                accepted.append(Upload(job: job, song: song, key: "\(job)/\(entry.file.lastPathComponent)"))
            }
        } catch {
            refused += 1
        }
    }
}
