import Foundation

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
                condemn(name, record)
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
