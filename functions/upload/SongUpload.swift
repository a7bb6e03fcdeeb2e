import Digests
import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import ObjectStorage
import NIOCore
import Pacing
import ServiceContract
import Streams
import Synchronization

/// Puts a song's bytes into the queue's bucket while they come in, in memory that does not grow with songs or clients.
///
/// A storage wants to know the length of what it is sent, and an object's metadata before its bytes. So:
///
/// - a raw body of known length goes as one request and is never held;
/// - of a form, all but its last ``FormReader/tailLimit`` bytes are known to be the file's: they go as one part of known
///   length, and the short rest is held and sent as a second part;
/// - short forms, and bodies of unknown length, are held a piece of ``pieceSize`` at a time. All pieces of the process
///   share one ``MemoryBudget``; who finds no room in it waits unread.
///
/// Nothing is visible in the bucket before the last byte was read and checked. Options of a form that come after its file
/// are known by then: a song that is held as a whole gets them as its metadata, else ``LateOptions`` are stored beside
/// it before it becomes visible.
struct SongUpload: Sendable {
    /// What S3 wants a part to have at least, if it is not the last.
    static let pieceSize = 5 << 20

    let client: S3Client
    let bucket: String
    let budget: MemoryBudget
    /// What the sender's songs may take.
    var limits = SongBudget()
    /// Whether the song is stored only where there is none yet, and its digest is told.
    var isOnce = false

    /// Stores the song under `key`.
    ///
    /// - Returns: its size in bytes and, with ``isOnce``, its SHA-256 in hex.
    func store(
        _ song: SongSource, as key: String, metadata: [String: String] = [:]
    ) async throws -> (size: Int, digest: String?) {
        let bytes = SongBytes(song.next, limits: limits, isDigested: isOnce)
        return (try await store(song, as: key, metadata, bytes), await bytes.digest())
    }

    private func store(
        _ song: SongSource, as key: String, _ metadata: [String: String], _ bytes: SongBytes
    ) async throws -> Int {
        let upload = Upload(store: self, song: song, key: key, metadata: metadata, bytes: bytes)
        switch song.extent {
        case .exactly(let length):
            try limits.check(bytes: length)
            return try await client.put(
                bucket, key,
                body: .stream(
                    ByteStream(next: { try await bytes.next() }), length: length),
                contentType: song.contentType, metadata: upload.metadata(song.options), onlyIfAbsent: isOnce
            ).size
        case .atLeast(let certain): return try await upload.inTwoParts(certain: certain)
        case .unknown(let limit): return try await upload.inPieces(limit: limit)
        }
    }

    /// Sends a song in parts, and leaves it to the caller to make it visible.
    func begin(_ song: SongSource, as key: String, metadata: [String: String]) async throws -> PartUpload {
        let bytes = SongBytes(song.next, limits: limits, isDigested: false)
        let upload = Upload(store: self, song: song, key: key, metadata: metadata, bytes: bytes)
        return try await upload.inOpenParts()
    }

    /// One song on its way.
    private struct Upload {
        let store: SongUpload
        let song: SongSource
        let key: String
        let metadata: [String: String]
        let bytes: SongBytes

        func metadata(_ options: JobOptions) -> [String: String] { metadata.merging(options.metadata) { $1 } }

        func inTwoParts(certain: Int) async throws -> Int {
            try await inParts { upload in
                let stream = ByteStream(next: { try await bytes.next(upTo: certain) })
                try await upload.put(.stream(stream, length: certain))
                guard let rest = try await bytes.piece(upTo: 2 * FormReader.tailLimit) else { return }
                try await upload.put(.bytes(rest))
            }
        }

        func inPieces(limit: Int?) async throws -> Int {
            let size = min(limit ?? pieceSize, pieceSize)
            let (whole, first) = try await store.budget.holding(size) { hold -> (Int?, PartUpload?) in
                let piece = try await bytes.piece(upTo: size, hold) ?? Data()
                if try await bytes.hasEnded() {
                    let result = try await store.client.put(
                        store.bucket, key, body: .bytes(piece), contentType: song.contentType,
                        metadata: metadata(try await song.finalOptions()), onlyIfAbsent: store.isOnce)
                    return (result.size, nil)
                }
                return (nil, try await begin { try await $0.put(.bytes(piece)) })
            }
            if let whole { return whole }
            return try await inParts(begun: first, sendPieces)
        }

        func inOpenParts() async throws -> PartUpload { try await begin(sendPieces) }

        private func sendPieces(_ upload: PartUpload) async throws {
            while try await !bytes.hasEnded() {
                try await store.budget.holding(pieceSize) { hold in
                    guard let piece = try await bytes.piece(upTo: pieceSize, hold) else { return }
                    try await upload.put(.bytes(piece))
                }
            }
        }

        private func begin(_ send: (PartUpload) async throws -> Void) async throws -> PartUpload {
            let upload = try await begin()
            do {
                try await send(upload)
                return upload
            } catch {
                await upload.abort()
                throw error
            }
        }

        private func begin() async throws -> PartUpload {
            var metadata = metadata(song.options)
            if song.mayHaveLateOptions { metadata[LateOptions.mark] = "1" }
            return try await store.client.beginUpload(
                store.bucket, key, contentType: song.contentType, metadata: metadata, onlyIfAbsent: store.isOnce)
        }

        private func inParts(begun: PartUpload? = nil, _ send: (PartUpload) async throws -> Void) async throws -> Int {
            let upload = if let begun { begun } else { try await begin() }
            do {
                try await send(upload)
                guard try await bytes.hasEnded() else { throw Problem.badForm("it ends in the middle of the file") }
                let options = try await song.finalOptions()
                if options != song.options {
                    try await LateOptions.store(options, of: key, client: store.client, bucket: store.bucket)
                }
                return try await upload.complete().size
            } catch {
                await upload.abort()
                throw error
            }
        }
    }
}

extension SongBudget {
    /// - Throws: a 413 ``Problem`` for a song of too many bytes.
    func check(bytes: Int) throws {
        guard let sentence = refusal(ofBytes: bytes), let songBytes else { return }
        throw Problem(.bodyTooLarge, detail: sentence, extensions: ["limit": .int(songBytes)])
    }
}

/// A song's bytes, cut where the storage wants them cut.
private actor SongBytes {
    private let source: @Sendable () async throws -> ByteBuffer?
    private var rest: ByteBuffer?
    private var taken = 0
    private var isAtEnd = false
    private let limits: SongBudget
    private let hash: Hash?
    private var count = 0

    init(_ source: @escaping @Sendable () async throws -> ByteBuffer?, limits: SongBudget, isDigested: Bool) {
        self.source = source
        self.limits = limits
        hash = isDigested ? Hash(.sha256) : nil
    }

    /// The SHA-256 of all bytes that were given, in hex. Call it once.
    func digest() -> String? { hash?.finish().hex }

    func next() async throws -> ByteBuffer? {
        if let rest {
            self.rest = nil
            return rest
        }
        guard !isAtEnd, let chunk = try await source() else {
            isAtEnd = true
            return nil
        }
        count += chunk.readableBytes
        try limits.check(bytes: count)
        chunk.withUnsafeReadableBytes { hash?.update($0) }
        return chunk
    }

    /// The next bytes of the first `limit`; nil once all of them were given.
    ///
    /// - Throws: a ``Problem`` when the song ends before.
    func next(upTo limit: Int) async throws -> ByteBuffer? {
        guard taken < limit else { return nil }
        guard var chunk = try await next() else {
            throw Problem.badForm("more than \(FormReader.tailLimit) bytes come after the file")
        }
        let used = chunk.readSlice(length: min(limit - taken, chunk.readableBytes))
        if chunk.readableBytes > 0 { rest = chunk }
        taken += used?.readableBytes ?? 0
        return used
    }

    /// The next `limit` bytes in one piece, fewer only at the end; nil at the end.
    func piece(upTo limit: Int, _ hold: MemoryBudget.Hold? = nil) async throws -> Data? {
        var piece = Data()
        while piece.count < limit, var chunk = try await next() {
            if piece.isEmpty { piece.reserveCapacity(limit) }
            if let used = chunk.readSlice(length: min(limit - piece.count, chunk.readableBytes)) { piece.append(used) }
            if chunk.readableBytes > 0 { rest = chunk }
            try hold?.check()
        }
        return piece.isEmpty ? nil : piece
    }

    func hasEnded() async throws -> Bool {
        rest = try await next()
        return rest == nil
    }
}

/// Memory that many uploads share. Whoever wants some waits in line until there is enough.
package final class MemoryBudget: Sendable {
    private struct Waiter {
        let id: Int
        let bytes: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var line: [Waiter] = []
        var nextID = 0

        /// Serves those in front; gives what has to be resumed.
        mutating func serve() -> [CheckedContinuation<Bool, Never>] {
            var served: [CheckedContinuation<Bool, Never>] = []
            while let first = line.first, first.bytes <= free {
                free -= first.bytes
                served.append(first.continuation)
                line.removeFirst()
            }
            return served
        }
    }

    private let total: Int
    private let patience: Duration
    private let state: Mutex<State>

    /// A budget of so many bytes; nobody waits for longer than `patience`, nor holds memory for longer than that while
    /// others wait.
    package init(bytes: Int, patience: Duration = .seconds(30)) {
        total = bytes
        self.patience = patience
        state = Mutex(State(free: bytes))
    }

    /// A part of the budget while somebody has it.
    package struct Hold: Sendable {
        fileprivate let budget: MemoryBudget
        fileprivate let since = ContinuousClock.now

        /// - Throws: a 408 ``Problem`` when it was held for long and others wait for it.
        package func check() throws {
            guard ContinuousClock.now - since > budget.patience, budget.state.withLock({ !$0.line.isEmpty }) else {
                return
            }
            throw Problem.tooSlow
        }
    }

    /// Runs `work` while it holds `bytes` of the budget.
    ///
    /// - Throws: a 503 ``Problem`` when there was no room in time.
    package func holding<Value>(_ bytes: Int, _ work: (Hold) async throws -> Value) async throws -> Value {
        let bytes = min(bytes, total)
        try await take(bytes)
        defer { give(bytes) }
        return try await work(Hold(budget: self))
    }

    /// Bytes that nobody has.
    package var free: Int { state.withLock { $0.free } }

    /// How many wait in line.
    package var waiting: Int { state.withLock { $0.line.count } }

    private func take(_ bytes: Int) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let granted = await withTaskCancellationHandler {
            await withTaskGroup(of: Bool?.self) { group in
                group.addTask { await self.wait(id, bytes) }
                group.addTask {
                    _ = await pause(for: self.patience)
                    self.leave(id)
                    return nil
                }
                for await result in group {
                    guard let result else { continue }
                    group.cancelAll()
                    return result
                }
                return false
            }
        } onCancel: {
            leave(id)
        }
        if granted, Task.isCancelled { give(bytes) }
        try Task.checkCancellation()
        guard granted else { throw Problem.unavailable("Many songs are coming in at once; send this one again.") }
    }

    private func wait(_ id: Int, _ bytes: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let served = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
                state.line.append(Waiter(id: id, bytes: bytes, continuation: continuation))
                return state.serve()
            }
            for continuation in served { continuation.resume(returning: true) }
        }
    }

    private func leave(_ id: Int) {
        let (left, served) = state.withLock { state -> (Waiter?, [CheckedContinuation<Bool, Never>]) in
            guard let index = state.line.firstIndex(where: { $0.id == id }) else { return (nil, []) }
            return (state.line.remove(at: index), state.serve())
        }
        left?.continuation.resume(returning: false)
        for continuation in served { continuation.resume(returning: true) }
    }

    private func give(_ bytes: Int) {
        let served = state.withLock { state in
            state.free += bytes
            return state.serve()
        }
        for continuation in served { continuation.resume(returning: true) }
    }
}
