import Foundation
import Logging
import ObjectStorage
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
    private var condemned: [String: (bucket: String, segments: Int)] = [:]

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
        let file = TemporaryFile(in: layout.incoming)
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
        if let files = condemned.removeValue(forKey: id) { removeFiles(files.bucket, id, files.segments) }
    }

    /// Removes an object's files once nobody reads them.
    func condemn(_ bucket: String, _ record: ObjectRecord) {
        if readers[record.id] == nil {
            removeFiles(bucket, record.id, record.segments.count)
        } else {
            condemned[record.id] = (bucket, record.segments.count)
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
