import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceClient
import ServiceContract
import Pacing
import TestSupport

/// Uploads that the service has accepted, by two owners with keys, of whom one floods, and by nobody: straight into the bucket.
actor Load {
    enum Owner: String, CaseIterable, Sendable { case flood, small }

    /// How a song gets into the bucket.
    enum Way: Sendable {
        case function(Owner)
        case bucket
        /// By a presigned address, with all the header fields and metadata that a stranger may store, under a strange key.
        case poisoned
    }

    struct Upload: Sendable {
        let job: JobID
        let song: Int
        let key: String
        let owner: Owner?
    }

    private(set) var accepted: [Upload] = []
    private(set) var refused = 0
    private let book: SongBook
    private let clients: [Owner: ServiceClient]
    private let storage: S3Client
    private let transport = CurlTransport()

    init(book: SongBook, clients: [Owner: ServiceClient], storage: S3Client) {
        self.book = book
        self.clients = clients
        self.storage = storage
    }

    /// Uploads one song. Where the service cannot take it, its client is told so; nothing is promised then.
    @discardableResult func upload(_ number: Int, song: Int, _ way: Way) async -> Upload? {
        let entry = book.songs[song]
        do {
            let upload: Upload
            switch way {
            case .function(let owner):
                guard let client = clients[owner] else { return nil }
                let job = try await client.upload(entry.file, options: entry.options)
                upload = Upload(job: job, song: song, key: "\(job)/\(entry.file.lastPathComponent)", owner: owner)
            case .bucket:
                let key = "straight/\(number).mp3"
                try await storage.put(
                    "queue", key, body: .bytes(try Data(contentsOf: entry.file)), metadata: Self.metadata(entry.options)
                )
                upload = Upload(job: try await job(key, entry.options), song: song, key: key, owner: nil)
            case .poisoned:
                let key =
                    "../\(number)/%2e%2e/\(number % 2 == 0 ? "a\nb\t\"'é\u{301}" : String(repeating: "k", count: 900)).mp3"
                try await putPoisoned(key, entry)
                upload = Upload(job: try await job(key, entry.options), song: song, key: key, owner: nil)
            }
            accepted.append(upload)
            return upload
        } catch {
            refused += 1
            return nil
        }
    }

    private static func metadata(_ options: [String: String]) -> [String: String] {
        options.reduce(into: [:]) { $0[$1.key.replacing("_", with: "-")] = $1.value }
    }

    /// The job that the object at `key` is.
    private func job(_ key: String, _ options: [String: String]) async throws -> JobID {
        guard let head = try await storage.head("queue", key) else { throw TestFailure("\(key) was not stored") }
        let write = ObjectWrite(
            bucket: "queue", key: key, eTag: head.eTag, versionID: head.versionID, lastModified: head.lastModified,
            size: head.size)
        return Job(write: write, options: try JobOptions(validating: options)).id
    }

    private func putPoisoned(_ key: String, _ entry: SongBook.Song) async throws {
        let junk = String(repeating: "x", count: 1500)
        let signed =
            Self.metadata(entry.options).map { ("x-amz-meta-\($0.key)", $0.value) } + [("x-amz-meta-junk", junk)]
        let address = try storage.presign("PUT", "queue", key, expires: .seconds(300), headers: signed)
        var fields = HTTPHeaders()
        for (name, value) in signed { fields.add(name, value) }
        // What a presigned address does not cover and a storage keeps all the same.
        for name in ["Cache-Control", "Content-Disposition", "Content-Language"] { fields.add(name, junk) }
        fields.add("Expires", "-1")
        let response = try await transport.send(
            HTTPRequest(
                method: "PUT", url: address.absoluteString, headers: fields,
                body: .bytes(try Data(contentsOf: entry.file))))
        _ = try await response.body.collect(limit: 1 << 16)
        guard response.status == 200 else { throw TestFailure("HTTP \(response.status)") }
    }
}

// MARK: - How the load comes

extension Load {
    /// One after the other, without a pause, and now and then many at once: songs, and what must fail.
    func flood(seed: UInt64, while goesOn: @escaping @Sendable () -> Bool) async {
        var numbers = SeededGenerator(seed: seed)
        var count = 0
        await withDiscardingTaskGroup { group in
            while goesOn() {
                let isBurst = Int.random(in: 0..<12, using: &numbers) == 0
                for _ in 0..<(isBurst ? 15 : 1) {
                    count += 1
                    let isSound = isBurst || Int.random(in: 0..<3, using: &numbers) > 0
                    let choice = isSound ? book.sound : book.unsound
                    let song = choice[isSound ? Int.random(in: choice.indices, using: &numbers) : count % choice.count]
                    let luck = isBurst ? 9 : Int.random(in: 0..<8, using: &numbers)
                    let way: Way = luck < 2 ? .bucket : luck == 2 && isSound ? .poisoned : .function(.flood)
                    group.addTask { [count] in await self.upload(count, song: song, way) }
                }
                try? await Task.sleep(for: numbers.pause(mean: .milliseconds(1200)))
            }
        }
    }

    /// Song after song of the small owner: the next one is sent when the one before has ended.
    func smallOwner(seed: UInt64, while goesOn: @escaping @Sendable () -> Bool) async {
        var numbers = SeededGenerator(seed: seed)
        while goesOn() {
            let song = book.sound[Int.random(in: book.sound.indices, using: &numbers)]
            if let upload = await upload(0, song: song, .function(.small)) {
                while goesOn(), (try? await clients[.small]?.status(of: upload.job))?.state.isFinished != true {
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
            try? await Task.sleep(for: numbers.pause(mean: .milliseconds(700)))
        }
    }
}

/// Everything that happened to jobs, as it happens; the log in Redis keeps the latest only.
actor Ledger {
    private(set) var events: [JobEvent] = []

    func follow(_ queue: RedisJobQueue) async throws {
        for try await event in queue.eventLog().tail(from: .zero) where event.kind != .progress { events.append(event) }
    }

    /// The last event that was seen.
    var end: EventID { events.last?.id ?? .zero }

    /// The songs of `owner` that waited for more than one song of another owner: begun for the first time after it had come, or after
    /// the owner's own song before it was begun, and before it was begun itself. Songs that were interrupted keep their turn and do
    /// not count.
    func unfairWaits(of owner: Load.Owner, owners: [JobID: String]) -> [String] {
        var begun: Set<JobID> = []
        var waiting: Set<JobID> = []
        var others: [String: Int] = [:]
        var complaints: [String] = []
        for event in events {
            let isOwn = owners[event.job] == owner.rawValue
            if event.kind == .enqueued, isOwn, !begun.contains(event.job) {
                if waiting.isEmpty { others = [:] }
                waiting.insert(event.job)
            }
            guard event.kind == .started, begun.insert(event.job).inserted else { continue }
            guard isOwn else {
                others[owners[event.job] ?? "?", default: 0] += 1
                continue
            }
            for (other, count) in others where count > 1 && waiting.contains(event.job) {
                complaints.append("\(event.job) waited for \(count) songs of “\(other)”")
            }
            waiting.remove(event.job)
            others = [:]
        }
        return complaints
    }

    /// Jobs that were done more than once.
    var repeats: [String] {
        var counts: [JobID: Int] = [:]
        for event in events where event.kind == .done { counts[event.job, default: 0] += 1 }
        return counts.filter { $0.value > 1 }.map { "\($0.key) was done \($0.value) times" }
    }
}
