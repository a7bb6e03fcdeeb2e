import Foundation
import Logging
import ObjectStorage
import ServiceLifecycle
import Threading

/// Everything the storage knows: its buckets, their objects in order, uploads in parts, and the queues of events.
///
/// The records are on the disk and in memory. All changes happen here, one after the other, on a thread that may block; an
/// object's bytes are written and read elsewhere.
actor Catalog {
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private nonisolated let thread = BlockingThread(name: "storage")

    nonisolated let layout: Layout
    nonisolated let queues: [EventQueue]
    let now: @Sendable () -> Date
    let logger: Logger
    var buckets: [String: BucketState] = [:]
    var uploads: [String: UploadRecord] = [:]
    private let lock: Int32
    private var lastSequencer: UInt64 = 0
    /// Readers of an object's files; files that were replaced stay until the last one is done.
    private var readers: [String: Int] = [:]
    private var replaced: [String: (bucket: String, segments: Int)] = [:]

    /// How long an upload in parts may stay unfinished: a week, in seconds.
    static let uploadLifetime: TimeInterval = 7 * 24 * 3600

    struct BucketState {
        var record: BucketRecord
        var index: KeyIndex
    }

    /// Reads the whole folder; call it where blocking is allowed.
    init(
        directory: String, targets: [WebhookTarget], logger: Logger, now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        layout = Layout(root: directory)
        self.now = now
        self.logger = logger
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        lock = Foundation.open(layout.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw StorageServerError(
                "Another storage server uses the folder \(directory): stop it or use another folder.")
        }
        try layout.makeDirectories()
        queues = try targets.map { [layout] in try EventQueue(target: $0, directory: layout.events($0)) }
        (buckets, uploads) = try CatalogLoader(
            layout: layout, logger: logger, oldest: now() - Self.uploadLifetime
        ).load()
        for queue in queues {
            try Self.settle(queue, buckets)
            for name in try queue.waiting().suffix(1) {
                lastSequencer = max(lastSequencer, UInt64(name.sequencer, radix: 16) ?? 0)
            }
        }
    }

    deinit { close(lock) }

    /// Publishes the events whose changes happened before the server died, and drops the others.
    private static func settle(_ queue: EventQueue, _ buckets: [String: BucketState]) throws {
        for (event, file) in try queue.prepared() {
            let document = try? JSONSerialization.jsonObject(with: Disk.read(file))
            let key = (document as? [String: Any])?["Key"] as? String ?? ""
            let path = key.unicodeScalars.split(separator: "/", maxSplits: 1)
            let name = (document as? [String: Any])?["EventName"] as? String ?? ""
            let object = path.count == 2 ? buckets[String(path[0])]?.index[String(path[1])] : nil
            let happened =
                name.hasPrefix("s3:ObjectRemoved") ? object == nil : object?.sequencer == String(event.sequencer)
            if happened && path.count == 2 { try queue.publish(event) } else { try queue.discard(event) }
        }
    }

    func nextSequencer() -> String {
        lastSequencer = max(lastSequencer &+ 1, UInt64(max(0, now().timeIntervalSince1970) * 1e9))
        let digits = String(lastSequencer, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
    }

    func bucket(_ name: String) throws(S3Failure) -> BucketState {
        guard let bucket = buckets[name] else { throw .noSuchBucket }
        return bucket
    }

    /// Replaces a small file.
    func replace(_ path: String, with record: some Encodable) throws {
        let file = IncomingFile(in: layout.incoming)
        try Disk.write(JSONEncoder().encode(record), to: file.path)
        try Disk.rename(file.path, to: path)
    }

    // MARK: - Reading

    /// An object's record, and the promise that its files stay.
    func open(_ name: String, _ key: String) throws(S3Failure) -> (record: ObjectRecord, lease: ReadLease) {
        guard let record = try bucket(name).index[key] else { throw .noSuchKey }
        readers[record.id, default: 0] += 1
        return (record, ReadLease(catalog: self, id: record.id))
    }

    func record(_ name: String, _ key: String) throws(S3Failure) -> ObjectRecord {
        guard let record = try bucket(name).index[key] else { throw .noSuchKey }
        return record
    }

    fileprivate func release(_ id: String) {
        readers[id, default: 1] -= 1
        guard readers[id] == 0 else { return }
        readers[id] = nil
        if let files = replaced.removeValue(forKey: id) { removeFiles(files.bucket, id, files.segments) }
    }

    /// Removes an object's files once nobody reads them.
    func removeWhenUnread(_ bucket: String, _ record: ObjectRecord) {
        if readers[record.id] == nil {
            removeFiles(bucket, record.id, record.segments.count)
        } else {
            replaced[record.id] = (bucket, record.segments.count)
        }
    }

    func removeFiles(_ bucket: String, _ id: String, _ segments: Int) {
        for segment in 0..<segments { try? Disk.remove(layout.data(bucket, id, segment)) }
    }

    // MARK: - Events

    /// An event on the disk, and the queues in which it waits for its change.
    struct PreparedEvent {
        var name: EventName
        var queues: [EventQueue]

        func publish() throws { for queue in queues { try queue.publish(name) } }
        func discard() { for queue in queues { try? queue.discard(name) } }
    }

    /// Writes the events that a change will cause; they are published after it, or discarded.
    func prepareEvents(
        _ context: EventContext, bucket: String, key: String, object: ObjectRecord?, sequencer: String
    ) throws -> PreparedEvent {
        let wanted = buckets[bucket]?.record.notifications.filter { $0.wants(context.name, key: key) } ?? []
        var prepared = PreparedEvent(name: EventName(sequencer: sequencer, bucket: bucket, key: key), queues: [])
        let targets = queues.filter { queue in wanted.contains { queue.target.matches($0.arn) } }
        guard !targets.isEmpty else { return prepared }
        let document = try EventDocument(
            context, bucket: bucket, key: key, object: object, sequencer: sequencer, now: now()
        ).encoded()
        do {
            for queue in targets {
                try queue.prepare(prepared.name, document)
                prepared.queues.append(queue)
            }
        } catch {
            prepared.discard()
            throw error
        }
        return prepared
    }
}

/// Keeps an object's files while they are read.
final class ReadLease: Sendable {
    private let catalog: Catalog
    private let id: String

    init(catalog: Catalog, id: String) {
        self.catalog = catalog
        self.id = id
    }

    deinit { Task { [catalog, id] in await catalog.release(id) } }
}

// MARK: - Buckets

extension Catalog {
    func bucketList() -> [(name: String, created: Date)] {
        buckets.map { ($0.key, $0.value.record.created) }.sorted { $0.0 < $1.0 }
    }

    func checkBucket(_ name: String) throws(S3Failure) { _ = try bucket(name) }

    func createBucket(_ name: String) throws {
        guard Self.isValid(name) else { throw S3Failure.invalidBucketName }
        guard buckets[name] == nil else { throw S3Failure.bucketExists }
        let record = BucketRecord(created: now())
        let staging = "\(layout.incoming)/\(UUID().uuidString)"
        for path in [staging, "\(staging)/objects", "\(staging)/data"] { try Disk.makeDirectory(path) }
        try Disk.write(JSONEncoder().encode(record), to: "\(staging)/bucket.json")
        try Disk.removeTree(layout.bucket(name))  // without a readable record, or it would be known
        try Disk.rename(staging, to: layout.bucket(name))
        try Disk.sync(directory: layout.buckets)
        buckets[name] = BucketState(record: record, index: KeyIndex())
    }

    func deleteBucket(_ name: String) throws {
        guard try bucket(name).index.isEmpty else { throw S3Failure.bucketNotEmpty }
        let trash = "\(layout.incoming)/\(UUID().uuidString)"
        try Disk.rename(layout.bucket(name), to: trash)
        buckets[name] = nil
        for upload in uploads.values where upload.bucket == name {
            try Disk.removeTree(layout.upload(upload.id))
            uploads[upload.id] = nil
        }
        try Disk.removeTree(trash)
    }

    func notifications(_ name: String) throws(S3Failure) -> [BucketRecord.Notification] {
        try bucket(name).record.notifications
    }

    func setNotifications(_ name: String, _ notifications: [BucketRecord.Notification]) throws {
        var record = try bucket(name).record
        for notification in notifications {
            guard queues.contains(where: { $0.target.matches(notification.arn) }) else { throw S3Failure.unknownTarget }
        }
        record.notifications = notifications
        try replace(layout.bucketRecord(name), with: record)
        buckets[name]?.record = record
    }

    func expiry(_ name: String) throws(S3Failure) -> [BucketRecord.Expiry] { try bucket(name).record.expiry ?? [] }

    func setExpiry(_ name: String, _ rules: [BucketRecord.Expiry]) throws {
        var record = try bucket(name).record
        record.expiry = rules
        try replace(layout.bucketRecord(name), with: record)
        buckets[name]?.record = record
    }

    /// Removes the objects whose time is over, and tells nobody.
    ///
    /// - Returns: how many there were.
    func removeExpired() throws -> Int {
        let now = now()
        var count = 0
        for (name, bucket) in buckets {
            guard let rules = bucket.record.expiry, !rules.isEmpty else { continue }
            for record in bucket.index.all where rules.contains(where: { $0.isOver(record, now: now) }) {
                try Disk.remove(layout.object(name, record.key))
                buckets[name]?.index[record.key] = nil
                removeWhenUnread(name, record)
                count += 1
            }
        }
        return count
    }

    /// 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit.
    private static func isValid(_ name: String) -> Bool {
        let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return (3...63).contains(name.utf8.count)
            && name.utf8.allSatisfy { letters.contains($0) || ".-".utf8.contains($0) }
            && letters.contains(name.utf8.first ?? 0) && letters.contains(name.utf8.last ?? 0)
            && !name.contains("..") && name != "minio"
    }
}

// MARK: - At the start, and now and then

/// Removes the objects whose time is over, and uploads in parts that nobody goes on with, now and then.
struct Expiry: Service {
    let catalog: Catalog
    let interval: Duration
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                do {
                    try await catalog.removeStaleUploads()
                    let count = try await catalog.removeExpired()
                    if count > 0 { logger.info("removed objects whose time is over", metadata: ["count": "\(count)"]) }
                } catch {
                    logger.warning("objects whose time is over stay: \(error)")
                }
                try await Task.sleep(for: interval)
            }
        }
    }
}

/// Reads the records on the disk when the server starts, and removes what a crash left behind.
struct CatalogLoader {
    let layout: Layout
    let logger: Logger
    /// Uploads in parts that were begun before this are dropped.
    let oldest: Date

    func load() throws -> ([String: Catalog.BucketState], [String: UploadRecord]) {
        var buckets: [String: Catalog.BucketState] = [:]
        for name in try Disk.names(in: layout.buckets) {
            guard let record: BucketRecord = decode(layout.bucketRecord(name)) else { continue }
            let objects = try loadObjects(name)
            try removeOrphans(name, Set(objects.map(\.id)))
            buckets[name] = .init(record: record, index: KeyIndex(objects))
        }
        var uploads: [String: UploadRecord] = [:]
        for id in try Disk.names(in: layout.uploads) {
            if let upload: UploadRecord = decode(layout.uploadRecord(id)), buckets[upload.bucket] != nil,
                upload.created >= oldest
            {
                uploads[id] = upload
            } else {
                try Disk.removeTree(layout.upload(id))
            }
        }
        return (buckets, uploads)
    }

    private func loadObjects(_ bucket: String) throws -> [ObjectRecord] {
        var objects: [ObjectRecord] = []
        for folder in try Disk.names(in: layout.objects(bucket)) {
            for name in try Disk.names(in: "\(layout.objects(bucket))/\(folder)") where name.hasSuffix(".json") {
                let path = "\(layout.objects(bucket))/\(folder)/\(name)"
                guard let record: ObjectRecord = decode(path) else { continue }
                if record.isSound {
                    objects.append(record)
                } else {
                    logger.error("a record of the storage is damaged and left out", metadata: ["path": "\(path)"])
                }
            }
        }
        return objects
    }

    /// Removes files that no record names: their upload was not finished, or their object was replaced.
    private func removeOrphans(_ bucket: String, _ known: Set<String>) throws {
        for folder in try Disk.names(in: layout.data(bucket)) {
            for name in try Disk.names(in: "\(layout.data(bucket))/\(folder)")
            where !known.contains(String(name.prefix { $0 != "." })) {
                try Disk.remove("\(layout.data(bucket))/\(folder)/\(name)")
            }
        }
    }

    private func decode<Record: Decodable>(_ path: String) -> Record? {
        do {
            return try JSONDecoder().decode(Record.self, from: Disk.read(path))
        } catch {
            logger.error(
                "a record of the storage cannot be read; what it describes is left out",
                metadata: ["path": "\(path)", "reason": "\(error)"])
            return nil
        }
    }
}
