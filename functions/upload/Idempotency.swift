import Digests
import Foundation
import FunctionClients
import FunctionHost
import ObjectStorage
import ServiceContract

/// An upload with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): however often it is sent, it makes one job,
/// and another song or other options under the same key are refused.
///
/// The job's id follows from the owner and the key, so all of it lies in the bucket: the song, which is stored only where there is
/// none, and its ``UploadReceipt`` beside it, which is stored after it. Whoever finds a song reads the request to its end without
/// storing it and compares. A key is known as long as its song is kept.
struct Idempotency: Sendable {
    /// The job of the key.
    let job: JobID
    private let storage: StorageAccess

    /// Nil for a request without a key.
    ///
    /// - Throws: a 400 ``Problem`` when the key is empty, too long or not plain text.
    init?(_ request: FunctionRequest, owner: String?, storage: StorageAccess) throws(Problem) {
        guard let header = request.header("Idempotency-Key") else { return nil }
        let key = header.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ 0x20..<0x7f ~= $0 }) else {
            throw .badRequest("Idempotency-Key must have 1 to 255 plain characters, such as a UUID.")
        }
        job = JobID(idempotencyKey: key, owner: owner)
        self.storage = storage
    }

    /// What was stored under the key.
    struct Stored: Sendable {
        fileprivate var receipt: UploadReceipt?
        var filename: String
        var size: Int
    }

    /// What was stored under the key before; nil when this is the first request of it.
    func stored() async throws -> Stored? {
        let page = try await storage.client.list(
            storage.queueBucket, prefix: "\(job)/", limit: SongCompanion.allCases.count + 1)
        guard let song = page.objects.first(where: { !SongCompanion.isAt($0.key) }) else { return nil }
        let head = try await storage.client.head(storage.queueBucket, SongCompanion.receipt.key(of: job))
        return Stored(
            receipt: head.flatMap { UploadReceipt(metadata: $0.metadata) },
            filename: song.key.unicodeScalars.split(separator: "/").last.map { String($0) } ?? "", size: song.size)
    }

    /// Reads a request to its end and compares it with what was stored.
    ///
    /// - Throws: a 422 ``Problem`` when it is another one.
    func compare(_ song: SongSource, with stored: Stored) async throws {
        if case .exactly(let length) = song.extent, length != stored.size { throw Problem.otherRequest }
        let hash = Hash(.sha256)
        var size = 0
        while let chunk = try await song.next() {
            size += chunk.readableBytes
            chunk.withUnsafeReadableBytes { hash.update($0) }
        }
        let receipt = UploadReceipt(
            digest: hash.finish().hex, size: size, options: try await song.finalOptions().identity.sha256,
            filename: song.filename)
        // A host that went away between song and receipt leaves the song alone, of which the size must do.
        guard stored.receipt.map({ $0 == receipt }) ?? (size == stored.size && song.filename == stored.filename) else {
            throw Problem.otherRequest
        }
    }

    /// Writes down what was stored.
    func note(_ song: SongSource, size: Int, digest: String) async throws {
        let receipt = UploadReceipt(
            digest: digest, size: size, options: try await song.finalOptions().identity.sha256, filename: song.filename)
        try await storage.client.put(
            storage.queueBucket, SongCompanion.receipt.key(of: job), body: .empty, metadata: receipt.metadata)
    }
}

extension Problem {
    fileprivate static let otherRequest = Problem(
        .idempotencyConflict,
        detail: "This Idempotency-Key was used for another song, or with other options; take a new key for each upload."
    )

    /// Two requests of one key at once.
    static let beingStored = Problem(
        .conflict, detail: "Another request with this Idempotency-Key has just been stored; send this one again.",
        headers: [.retryAfter: "1"])
}
