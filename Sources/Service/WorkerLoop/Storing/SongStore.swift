import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import SeparationChoices
import ServiceContract
import Threading

/// The two buckets, as the worker uses them.
///
/// Stems of the first claim of a job go to `{job}/{stem}.{ext}`, those of a later one to `{job}/attempt-{token}/…`, and
/// the manifest says which are the job's. A token is given out once, so a worker that lost its lease and wakes up in
/// the middle of an upload can never write over another one's stems; and since the manifest is fixed by the fenced
/// ``RedisJobQueue/seal(_:manifest:)`` before it is stored, it cannot write a manifest either.
struct SongStore: Sendable {
    let storage: S3Client
    let outputBucket: String
    private let disk = BlockingThread(name: "disk")

    init(storage: S3Client, outputBucket: String) {
        self.storage = storage
        self.outputBucket = outputBucket
    }

    /// Fetches a job's song, chunk by chunk.
    ///
    /// - Parameters:
    ///   - limits: a song of more bytes is not fetched.
    ///   - goesOn: asked after every chunk.
    /// - Throws: ``SongRefused`` when the object is gone, replaced, empty or too large, `CancellationError` when `goesOn` said no, and what the
    ///   storage throws.
    func fetch(_ job: Job, to file: URL, limits: JobLimits, goesOn: () throws -> Void) async throws {
        let object: S3Object
        do {
            object = try await storage.get(job.bucket, job.key, ifMatch: job.write?.eTag)
        } catch let error as S3Error where error.isNotFound {
            throw SongRefused("\(job.filename) is no longer in the bucket; upload it again.")
        } catch let error as S3Error where error.status == 412 {
            throw SongRefused(
                "\(job.filename) was replaced in the bucket before its turn came; the new file has a job of its own.")
        }
        try limits.check(bytes: object.head.size, of: job.filename)
        let handle = try await disk.run {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
            return try FileHandle(forWritingTo: file)
        }
        var size = 0
        for try await chunk in object.body {
            try goesOn()
            size += chunk.readableBytes
            try limits.check(bytes: size, of: job.filename)
            try await disk.run { try handle.write(contentsOf: Data(chunk)) }
        }
        try await disk.run { try handle.close() }
        guard size > 0 else { throw SongRefused("\(job.filename) is empty (0 bytes); upload it again.") }
    }

    /// Whether the storage answers, whatever it says of one song.
    func isThere() async -> Bool { (try? await storage.bucketExists(outputBucket)) == true }

    /// Where a claim's file goes, below `{job}/`.
    static func file(of url: URL, in folder: String? = nil, for claim: Claim) -> String {
        let name = (folder.map { "\($0)/" } ?? "") + url.lastPathComponent
        return claim.token == 1 ? name : "attempt-\(claim.token)/\(name)"
    }

    /// Stores one stem, without its peaks.
    func store(_ stem: SeparatedSong.Stem, of claim: Claim) async throws -> StemRecord {
        try await store(stem, in: nil, as: claim.job.options.format, of: claim)
    }

    /// Stores the song as the model heard it, without its peaks.
    func store(original: SeparatedSong.Stem, of claim: Claim) async throws -> StemRecord {
        try await store(original, in: Self.studio, as: .flac, of: claim)
    }

    /// Stores peaks.
    func store(peaks: URL, of claim: Claim) async throws -> PeaksRecord {
        let file = Self.file(of: peaks, in: Self.studio, for: claim)
        let result = try await storage.putFile(outputBucket, "\(claim.job.id)/\(file)", peaks)
        return PeaksRecord(file: file, size: result.size, eTag: result.eTag)
    }

    /// What players want beside the stems; no stem's name has a slash.
    private static let studio = "studio"

    private func store(
        _ stem: SeparatedSong.Stem, in folder: String?, as format: StemFormat, of claim: Claim
    ) async throws -> StemRecord {
        let file = Self.file(of: stem.url, in: folder, for: claim)
        let result = try await storage.putFile(
            outputBucket, "\(claim.job.id)/\(file)", stem.url, contentType: format.contentType)
        return StemRecord(
            name: stem.name, file: file, size: result.size, eTag: result.eTag, contentType: format.contentType,
            frames: stem.frames)
    }

    /// Stores a manifest that was sealed.
    func publish(_ manifest: Manifest) async throws {
        try await storage.put(
            outputBucket, Manifest.key(of: manifest.job), body: .bytes(try manifest.encoded()),
            contentType: "application/json")
    }

    /// Removes the stems of a claim that came to nothing.
    func discard(_ stems: [StemRecord], of job: JobID) async throws {
        try await storage.deleteMany(outputBucket, stems.flatMap { $0.keys(of: job) })
    }

    /// Removes what earlier attempts have left: all but the stems of `manifest`, or everything where there is none.
    func clean(_ job: JobID, keeping manifest: Manifest? = nil) async throws {
        let kept = Set(manifest.map { [Manifest.key(of: job)] + $0.keys } ?? [])
        var left: [String] = []
        for try await object in storage.objects(outputBucket, prefix: "\(job)/") where !kept.contains(object.key) {
            left.append(object.key)
        }
        if !left.isEmpty { try await storage.deleteMany(outputBucket, left) }
    }
}
