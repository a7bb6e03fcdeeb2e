import Foundation
import Logging

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
